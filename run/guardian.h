// A small process that outlives the watcher: it reports when the watcher is killed, and forwards the task's
// captured stderr, so that the task does not die of SIGPIPE when its watcher dies.
//
// It sends no signals. It has its own session, so that terminal signals do not reach it, and holds only
// stderr and its end of a socket. It ends when the watcher says so, or later, when the captured stderr is
// closed.
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

  // Forks. With `capture_stderr` the task's stderr is stderr_for_task().
  static absl::StatusOr<std::unique_ptr<Guardian>> Start(bool capture_stderr);
  ~Guardian();  // dismisses
  Guardian(const Guardian&) = delete;
  Guardian& operator=(const Guardian&) = delete;

  pid_t pid() const { return pid_; }
  // The write end of the pipe, -1 without capture. Close it once the task has it.
  base::Descriptor& stderr_for_task() { return pipe_; }

  // What to report if the watcher is killed.
  void Announce(pid_t task, const std::string& command);

  // Waits until everything captured so far is forwarded, at most two seconds (our own stderr may be slow).
  void Flush();
  // The last kTailBytes of the captured stderr. `cut`: there was more.
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
