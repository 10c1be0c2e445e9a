// Runs jobs one after the other on a thread of its own and stops waiting for one that is late.
//
// A late job cannot be stopped (it may hold a lock), so its thread is left to it and ends when the job does;
// the next job gets a new thread. What a job touches must therefore live as long as the job: pass it by
// shared_ptr.
//
// Where the system refuses a thread (a host full of processes is when figures are wanted most), the job runs
// on the caller's own, however long it takes. The next job asks for a thread again. A job that may hang must
// ask HasThread first.
//
// A RunnerPool lends runners to whoever has a job. Its threads take turns, the last one used first: what a
// thread frees stays with it (malloc's cache for each thread), so that work is best done by few.
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

  // Until when a job has time, asked at its start and each time that passes; empty: it is late.
  using HasTimeUntil = std::function<std::optional<std::chrono::steady_clock::time_point>()>;

  // True when `job` returned in time. It must not throw.
  bool Run(std::function<void()> job, const HasTimeUntil& has_time_until);
  // However long it takes.
  void Run(std::function<void()> job);
  // Whether there is a thread for the next job, started if need be.
  bool HasThread();

 private:
  struct Worker;

  // False when there is no thread to be had; the job is untouched then.
  bool Begin(std::function<void()>& job);

  System& system_;
  std::shared_ptr<Worker> worker_;  // null: no thread yet
};

class RunnerPool {
 public:
  explicit RunnerPool(System& system) : system_(system) {}

  // A runner for as long as this lives.
  class Lease {
   public:
    explicit Lease(RunnerPool& pool) : pool_(pool), runner_(pool.Take()) {}
    ~Lease() { pool_.GiveBack(std::move(runner_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    DeadlineRunner* operator->() const { return runner_.get(); }

   private:
    RunnerPool& pool_;
    std::unique_ptr<DeadlineRunner> runner_;
  };

 private:
  std::unique_ptr<DeadlineRunner> Take();
  void GiveBack(std::unique_ptr<DeadlineRunner> runner);

  System& system_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<DeadlineRunner>> idle_;
};

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_DEADLINE_RUNNER_H_
