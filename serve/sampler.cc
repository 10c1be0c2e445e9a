#include "serve/sampler.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "base/bounded_reads.h"

namespace agent_exporter::serve {
namespace {

// However often it looks: a busy machine is no reason to show nothing.
constexpr std::chrono::seconds kAlwaysShown{10};

}  // namespace

Sampler::Sampler(std::unique_ptr<Watch> watch, std::chrono::milliseconds interval,
                 std::function<SteadyClock::time_point()> now)
    : now_(std::move(now)), watch_(std::move(watch)), interval_(interval) {}

Sampler::~Sampler() { Stop(); }

absl::Status Sampler::Start(base::System& system) {
  for (const auto& task : std::exchange(tasks_, {})) task(watch_->observer());  // no other thread yet
  if (absl::Status status = Look(true); !status.ok()) return status;
  auto thread = system.StartThread([this] { Loop(); });
  if (thread.ok()) thread_ = *std::move(thread);
  return thread.status();
}

void Sampler::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::shared_ptr<const agents::Observation> Sampler::Latest() {
  const std::lock_guard lock(mutex_);
  return Shown();
}

// What nobody would take for new: a look is late by much more than a busy machine explains.
std::shared_ptr<const agents::Observation> Sampler::Shown() {
  if (latest_ == nullptr) return nullptr;
  const auto age = now_() - latest_time_;
  if (age <= std::max<SteadyClock::duration>(3 * interval_, kAlwaysShown)) return latest_;
  if (!failing_ && !std::exchange(told_old_, true)) {
    spdlog::error("no look at processes has finished for {:.0f} s: figures are left out until one does",
                  std::chrono::duration<double>(age).count());
  }
  return nullptr;
}

std::optional<double> Sampler::AgeSeconds() const {
  const std::lock_guard lock(mutex_);
  if (latest_ == nullptr) return std::nullopt;
  return std::chrono::duration<double>(now_() - latest_time_).count();
}

std::shared_ptr<const agents::Observation> Sampler::Fresh(std::chrono::milliseconds max_age,
                                                          std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  const auto fresh_enough = [&, oldest = now_() - max_age] {
    return latest_time_ >= oldest || failed_time_ >= oldest || stopping_;
  };
  const bool is_late = looking_since_ && now_() - *looking_since_ > patience;
  if (!is_late && !fresh_enough()) {
    wanted_ = true;
    work_.notify_all();
    done_.wait_for(lock, patience, fresh_enough);
  }
  return Shown();
}

void Sampler::BeforeNextLook(std::function<void(agents::Observer&)> task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    wanted_ = true;
  }
  work_.notify_all();
}

void Sampler::SetRules(agents::RuleSet rules) {
  // std::function wants to be copied; a rule set cannot be.
  auto shared = std::make_shared<agents::RuleSet>(std::move(rules));
  BeforeNextLook([shared](agents::Observer& observer) { observer.SetRules(std::move(*shared)); });
}

void Sampler::SetInterval(std::chrono::milliseconds interval) {
  {
    const std::lock_guard lock(mutex_);
    interval_ = interval;
  }
  work_.notify_all();
}

void Sampler::Loop() {
  auto last_tick = SteadyClock::now();
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const auto next_tick = last_tick + interval_;
    work_.wait_until(lock, next_tick,
                     [&] { return stopping_ || wanted_ || last_tick + interval_ != next_tick; });
    if (stopping_) break;
    const auto now = SteadyClock::now();
    const bool tick = now >= next_tick;
    if (!tick && !wanted_) continue;
    // A late tick is taken once and the next counts from here: ticks never stack up.
    if (tick) last_tick = now;
    wanted_ = false;
    const auto tasks = std::exchange(tasks_, {});
    lock.unlock();
    for (const auto& task : tasks) task(watch_->observer());
    const absl::Status status = Look(tick);
    lock.lock();
    NoteFailure(status);
    done_.notify_all();
  }
  done_.notify_all();
}

void Sampler::NoteFailure(const absl::Status& status) {
  if (!status.ok() && !failing_) {
    spdlog::error("cannot read processes: {}; figures are left out once they are old",
                  std::string(status.message()));
  }
  if (status.ok() && (failing_ || told_old_)) spdlog::info("processes can be read again");
  failing_ = !status.ok();
  if (status.ok()) told_old_ = false;
}

void Sampler::NoteHangingReads() {
  const base::BoundedReads::Hanging hanging = base::BoundedReads::Shared().hanging();
  if (hanging.count > 0 && !hanging_) {
    spdlog::warn(
        "the kernel does not answer about {} (and {} more): does a file system hang? The rest goes on",
        hanging.oldest, hanging.count - 1);
  }
  if (hanging.count == 0 && hanging_) spdlog::info("the kernel answers all reads again");
  hanging_ = hanging.count > 0;
}

absl::Status Sampler::Look(bool tick) {
  const auto started = now_();
  {
    const std::lock_guard lock(mutex_);
    looking_since_ = started;
  }
  auto observation = watch_->observer().Observe(tick);
  NoteHangingReads();
  {
    const std::lock_guard lock(mutex_);
    looking_since_.reset();
    if (!observation.ok()) {
      failed_time_ = started;
      return observation.status();
    }
    latest_ = *observation;
    latest_time_ = started;
  }
  if (!tick) return absl::OkStatus();
  for (const Listener& listener : listeners_) listener(*observation);
  return absl::OkStatus();
}

}  // namespace agent_exporter::serve
