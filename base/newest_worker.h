// A thread that works on the newest value submitted. A value that arrives while it is busy replaces the
// waiting one, so values never queue up.
//
// The thread starts with the first value. If the system refuses it, `refused` is called once, and each later
// value tries again.
//
// Ownership: owns its thread; declare it after what the work uses. Thread safety: Submit and Stop from any
// thread, but not at the same time.

#ifndef AGENT_EXPORTER_BASE_NEWEST_WORKER_H_
#define AGENT_EXPORTER_BASE_NEWEST_WORKER_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "base/system.h"

namespace agent_exporter::base {

template <typename T>
class NewestWorker {
 public:
  // `refused` may be called by Submit. With `poll`, `work` also gets a T() whenever no value came for that
  // long.
  NewestWorker(System& system, std::function<void(T)> work, std::function<void(const absl::Status&)> refused,
               std::chrono::milliseconds poll = {})
      : system_(system), work_(std::move(work)), refused_(std::move(refused)), poll_(poll) {}
  ~NewestWorker() { Stop(); }
  NewestWorker(const NewestWorker&) = delete;
  NewestWorker& operator=(const NewestWorker&) = delete;

  // Returns at once.
  void Submit(T value) {
    {
      const std::lock_guard lock(mutex_);
      next_ = std::move(value);
    }
    if (thread_.joinable()) return wake_.notify_all();
    auto thread = system_.StartThread([this] { Loop(); });
    if (thread.ok()) thread_ = *std::move(thread);
    if (!thread.ok() && !refusing_) refused_(thread.status());
    refusing_ = !thread.ok();
  }

  // Waits for the current work to end. Returns the waiting value, if any. A later Submit starts the thread
  // again.
  std::optional<T> Stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
    stopping_ = false;
    return std::exchange(next_, std::nullopt);
  }

 private:
  void Loop() {
    std::unique_lock lock(mutex_);
    const auto due = [this] { return stopping_ || next_; };
    while (true) {
      if (poll_.count() > 0) {
        wake_.wait_for(lock, poll_, due);
      } else {
        wake_.wait(lock, due);
      }
      if (stopping_) return;
      T value = std::exchange(next_, std::nullopt).value_or(T());
      lock.unlock();
      work_(std::move(value));
      lock.lock();
    }
  }

  System& system_;
  const std::function<void(T)> work_;
  const std::function<void(const absl::Status&)> refused_;
  const std::chrono::milliseconds poll_;
  bool refusing_ = false;  // `refused` was called for this series of failures
  std::mutex mutex_;
  std::condition_variable wake_;
  std::optional<T> next_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_NEWEST_WORKER_H_
