// Runs jobs one after the other on a thread of its own and stops waiting for one that is late.
//
// A late job cannot be stopped (it may hold a lock), so its thread is left to it and ends when the job does;
// the next job gets a new thread. What a job touches must therefore live as long as the job: pass it by
// shared_ptr.
//
// Thread safety: one caller at a time.

#ifndef AGENT_EXPORTER_EXPORTER_DEADLINE_RUNNER_H_
#define AGENT_EXPORTER_EXPORTER_DEADLINE_RUNNER_H_

#include <chrono>
#include <functional>
#include <memory>

namespace agent_exporter {

class DeadlineRunner {
 public:
  DeadlineRunner() = default;
  ~DeadlineRunner();
  DeadlineRunner(const DeadlineRunner&) = delete;
  DeadlineRunner& operator=(const DeadlineRunner&) = delete;

  // True when `job` returned within `timeout`. `job` must not throw.
  bool Run(std::function<void()> job, std::chrono::milliseconds timeout);

 private:
  struct Worker;
  std::shared_ptr<Worker> worker_;
};

}  // namespace agent_exporter

#endif  // AGENT_EXPORTER_EXPORTER_DEADLINE_RUNNER_H_
