// Waits for a task as a shell would, and passes on what the watcher is told.
//
// Observe only: nothing is ever sent to the task but signals that somebody sent to the watcher (kill(2) and
// its kin). What a terminal sends reaches the task by itself, since it shares the watcher's process group.
//
// Thread safety: none; the main thread, with AttendedSignals and SIGCHLD blocked in every thread.

#ifndef AGENT_EXPORTER_RUN_ATTEND_H_
#define AGENT_EXPORTER_RUN_ATTEND_H_

#include <signal.h>
#include <sys/types.h>

#include <cstdint>
#include <set>

namespace agent_exporter::run {

// What is passed on.
sigset_t AttendedSignals();

struct Attended {
  int status = 0;  // as wait(2)
  // The task died of a signal that was passed on or that a terminal sent to both.
  bool self_killed = false;
  uint64_t max_resident_bytes = 0;  // the highest of the task and the children it waited for
};

// Returns when `task` ended; it is still a zombie then, so that its last figures can be read: Reap it.
// Orphans that a child subreaper is given are reaped on the way. When the task stops while this process group
// has the terminal (Ctrl-Z), the watcher stops with it, so that the shell above gets its prompt.
Attended Attend(pid_t task);

void Reap(pid_t task);

}  // namespace agent_exporter::run

#endif  // AGENT_EXPORTER_RUN_ATTEND_H_
