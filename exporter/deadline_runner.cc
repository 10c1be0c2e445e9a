#include "exporter/deadline_runner.h"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

namespace agent_exporter {

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
      current = nullptr;  // lets go of what the job holds before anybody is told
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

bool DeadlineRunner::Run(std::function<void()> job, std::chrono::milliseconds timeout) {
  if (worker_ == nullptr) {
    worker_ = std::make_shared<Worker>();
    // Detached on purpose: see the header. The thread shares ownership of its worker.
    std::thread([worker = worker_] { worker->Loop(); }).detach();
  }
  std::unique_lock lock(worker_->mutex);
  worker_->job = std::move(job);
  worker_->busy = true;
  worker_->changed.notify_all();
  const bool done = worker_->changed.wait_for(lock, timeout, [this] { return !worker_->busy; });
  lock.unlock();
  if (!done) {
    worker_->Abandon();
    worker_.reset();
  }
  return done;
}

}  // namespace agent_exporter
