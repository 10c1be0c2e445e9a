// A tiny process beside the watcher, for what must outlive it: it says so when the watcher is killed, and
// passes the task's stderr through when that is captured, so that a task never dies of SIGPIPE because its
// watcher did.
//
// It never signals anybody. It has a session of its own, so that no terminal's signal reaches it, holds
// nothing but stderr and its end of a socket, and ends when the watcher says so; while something still writes
// to a captured stderr, only when that is closed.
//
// Ownership: a child of the watcher. Thread safety: none; Start before the first thread.

#ifndef AGENT_EXPORTER_RUN_GUARDIAN_H_
#define AGENT_EXPORTER_RUN_GUARDIAN_H_

#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/descriptor.h"

namespace agent_exporter::run {

class Guardian {
 public:
  static constexpr size_t kTailBytes = 64 << 10;

  // Forks it. With `capture_stderr` the task's stderr is stderr_for_task().
  static absl::StatusOr<std::unique_ptr<Guardian>> Start(bool capture_stderr);
  ~Guardian();  // dismisses
  Guardian(const Guardian&) = delete;
  Guardian& operator=(const Guardian&) = delete;

  pid_t pid() const { return pid_; }
  // The write end of the pipe; -1 when nothing is captured. Close it once the task has it.
  base::Descriptor& stderr_for_task() { return pipe_; }

  // What it says of should the watcher vanish.
  void Announce(pid_t task, const std::string& command);

  // Everything written to the captured stderr so far is passed through, or two seconds are over (whoever
  // reads our own stderr is slow).
  void Flush();
  // The last kTailBytes of it, and whether there was more.
  std::string Tail(bool* cut) const;

  // Its work is done. It is reaped unless it still passes a stderr through for what the task left behind.
  void Dismiss();

 private:
  struct Shared;
  Guardian() = default;

  pid_t pid_ = -1;
  base::Descriptor line_;  // a socket: one letter each way
  base::Descriptor pipe_;
  Shared* shared_ = nullptr;
};

}  // namespace agent_exporter::run

#endif  // AGENT_EXPORTER_RUN_GUARDIAN_H_
