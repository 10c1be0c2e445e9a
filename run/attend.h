// Waits for a task as a shell would, and forwards the signals that the watcher receives.
//
// The task gets no signals but those that somebody sent to the watcher, with kill(2) for instance. Signals of
// a terminal reach the task directly, because it is in the watcher's process group.
//
// Thread safety: none; the main thread, with AttendedSignals and SIGCHLD blocked in every thread.

#ifndef AGENT_EXPORTER_RUN_ATTEND_H_
#define AGENT_EXPORTER_RUN_ATTEND_H_

#include <signal.h>
#include <sys/types.h>

#include <cstdint>
#include <set>

namespace agent_exporter::run {

// The signals that are forwarded.
sigset_t AttendedSignals();

struct Attended {
  int status = 0;  // as wait(2)
  // The task died of a forwarded signal, or of one that a terminal sent to both.
  bool self_killed = false;
  uint64_t max_resident_bytes = 0;  // the highest of the task and the children it waited for
};

// Returns when `task` has ended. It is still a zombie, so that its last figures can be read; call Reap after
// that. Reaps orphans that became our children. When the task stops while this process group has the terminal
// (Ctrl-Z), the watcher stops too, so that the shell gets its prompt back.
Attended Attend(pid_t task);

void Reap(pid_t task);

}  // namespace agent_exporter::run

#endif  // AGENT_EXPORTER_RUN_ATTEND_H_
