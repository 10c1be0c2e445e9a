#include "serve/sampler.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace agent_exporter::serve {

Sampler::Sampler(std::unique_ptr<Watch> watch, std::chrono::milliseconds interval)
    : watch_(std::move(watch)), interval_(interval) {}

Sampler::~Sampler() { Stop(); }

absl::Status Sampler::Start(base::System& system) {
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

std::shared_ptr<const agents::Observation> Sampler::Latest() const {
  const std::lock_guard lock(mutex_);
  return latest_;
}

std::shared_ptr<const agents::Observation> Sampler::Fresh(std::chrono::milliseconds max_age,
                                                          std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  const auto fresh_enough = [&, oldest = SteadyClock::now() - max_age] {
    return latest_time_ >= oldest || failed_time_ >= oldest || stopping_;
  };
  if (!fresh_enough()) {
    wanted_ = true;
    work_.notify_all();
    done_.wait_for(lock, patience, fresh_enough);
  }
  return latest_;
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
    if (!status.ok() && !failing_) spdlog::error("cannot read processes: {}", std::string(status.message()));
    if (status.ok() && failing_) spdlog::info("processes can be read again");
    failing_ = !status.ok();
    done_.notify_all();
  }
  done_.notify_all();
}

absl::Status Sampler::Look(bool tick) {
  const auto started = SteadyClock::now();
  auto observation = watch_->observer().Observe(tick);
  {
    const std::lock_guard lock(mutex_);
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
