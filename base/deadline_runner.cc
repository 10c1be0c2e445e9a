#include "base/deadline_runner.h"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

namespace agent_exporter::base {
namespace {

// At most this many idle threads are kept, so that a burst of clients leaves no others behind.
constexpr size_t kMostIdle = 4;

}  // namespace

struct DeadlineRunner::Worker {
  std::mutex mutex;
  std::condition_variable changed;
  std::function<void()> job;
  bool busy = false;
  bool abandoned = false;

  void Loop() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [this] { return abandoned || job; });
      if (!job) return;
      std::function<void()> current = std::exchange(job, nullptr);
      lock.unlock();
      current();
      current = nullptr;  // destroys the job before its end is signalled
      lock.lock();
      busy = false;
      changed.notify_all();
      if (abandoned) return;
    }
  }

  void Abandon() {
    const std::lock_guard lock(mutex);
    abandoned = true;
    changed.notify_all();
  }
};

DeadlineRunner::~DeadlineRunner() {
  if (worker_ != nullptr) worker_->Abandon();
}

bool DeadlineRunner::HasThread() {
  if (worker_ != nullptr) return true;
  auto worker = std::make_shared<Worker>();
  auto thread = system_.StartThread([worker] { worker->Loop(); });
  if (!thread.ok()) return false;
  // Detached on purpose: see the header. The thread shares ownership of its worker.
  thread->detach();
  worker_ = std::move(worker);
  return true;
}

bool DeadlineRunner::Begin(std::function<void()>& job) {
  if (!HasThread()) return false;
  const std::lock_guard lock(worker_->mutex);
  worker_->job = std::move(job);
  worker_->busy = true;
  worker_->changed.notify_all();
  return true;
}

bool DeadlineRunner::Run(std::function<void()> job, const HasTimeUntil& has_time_until) {
  if (!Begin(job)) {
    job();
    return true;
  }
  std::unique_lock lock(worker_->mutex);
  while (worker_->busy) {
    const auto until = has_time_until();
    if (!until) break;
    worker_->changed.wait_until(lock, *until, [this] { return !worker_->busy; });
  }
  const bool done = !worker_->busy;
  lock.unlock();
  if (!done) {
    worker_->Abandon();
    worker_.reset();
  }
  return done;
}

void DeadlineRunner::Run(std::function<void()> job) {
  if (!Begin(job)) return job();
  std::unique_lock lock(worker_->mutex);
  worker_->changed.wait(lock, [this] { return !worker_->busy; });
}

std::unique_ptr<DeadlineRunner> RunnerPool::Borrow() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::make_unique<DeadlineRunner>(system_);
  auto runner = std::move(idle_.back());
  idle_.pop_back();
  return runner;
}

void RunnerPool::Return(std::unique_ptr<DeadlineRunner> runner) {
  const std::lock_guard lock(mutex_);
  if (idle_.size() < kMostIdle) idle_.push_back(std::move(runner));
}

}  // namespace agent_exporter::base
