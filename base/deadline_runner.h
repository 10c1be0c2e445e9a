// Runs jobs one after the other on its own thread, and stops waiting for a job that is late.
//
// A late job cannot be stopped (it may hold a lock), so its thread goes on and ends with the job; the next
// job gets a new thread. So everything a job uses must live as long as the job: pass it by shared_ptr.
//
// If the system refuses a thread (metrics matter most on a host that is full of processes), the job runs on
// the caller's thread, without a deadline. The next job tries to start a thread again. Before a job that may
// hang, check HasThread.
//
// A RunnerPool lends runners. It reuses the last one returned first, so that few threads do the work: malloc
// caches freed memory per thread.
//
// Thread safety: DeadlineRunner one caller at a time, RunnerPool any number.

#ifndef AGENT_EXPORTER_BASE_DEADLINE_RUNNER_H_
#define AGENT_EXPORTER_BASE_DEADLINE_RUNNER_H_

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/system.h"

namespace agent_exporter::base {

class DeadlineRunner {
 public:
  explicit DeadlineRunner(System& system) : system_(system) {}
  ~DeadlineRunner();
  DeadlineRunner(const DeadlineRunner&) = delete;
  DeadlineRunner& operator=(const DeadlineRunner&) = delete;

  // Returns the job's deadline. Called at the start and whenever the deadline passes; empty: the job is late.
  using HasTimeUntil = std::function<std::optional<std::chrono::steady_clock::time_point>()>;

  // True if `job` returned in time. It must not throw.
  bool Run(std::function<void()> job, const HasTimeUntil& has_time_until);
  // Runs `job` without a deadline.
  void Run(std::function<void()> job);
  // Whether there is a thread for the next job. Starts one if necessary.
  bool HasThread();

 private:
  struct Worker;

  // False if there is no thread; `job` is unchanged then.
  bool Begin(std::function<void()>& job);

  System& system_;
  std::shared_ptr<Worker> worker_;  // null: no thread yet
};

class RunnerPool {
 public:
  explicit RunnerPool(System& system) : system_(system) {}

  // Holds a runner while it lives.
  class Lease {
   public:
    explicit Lease(RunnerPool& pool) : pool_(pool), runner_(pool.Borrow()) {}
    ~Lease() { pool_.Return(std::move(runner_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    DeadlineRunner* operator->() const { return runner_.get(); }

   private:
    RunnerPool& pool_;
    std::unique_ptr<DeadlineRunner> runner_;
  };

 private:
  std::unique_ptr<DeadlineRunner> Borrow();
  void Return(std::unique_ptr<DeadlineRunner> runner);

  System& system_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<DeadlineRunner>> idle_;
};

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_DEADLINE_RUNNER_H_
