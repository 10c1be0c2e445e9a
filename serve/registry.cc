#include "serve/registry.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <exception>
#include <iterator>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "collectors/family.h"

namespace agent_exporter::serve {
namespace {

using Time = std::chrono::steady_clock;

// The observation of the scrape that this thread works for, so that all collectors of one scrape show the
// same one.
thread_local std::shared_ptr<const agents::Observation> current_observation;

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

// Runs collectors one after the other on one thread, up to the first that is late. The late one keeps the
// thread, and another pass runs the rest.
class Registry::Pass {
 public:
  Pass(Entries entries, std::shared_ptr<const agents::Observation> observation,
       std::chrono::milliseconds timeout)
      : entries_(std::move(entries)), observation_(std::move(observation)), timeout_(timeout) {}

  void Run() {
    current_observation = observation_;
    for (const auto& entry : entries_) {
      Outcome outcome = Collect(*entry);
      if (!Keep(*entry, std::move(outcome))) break;
    }
    current_observation.reset();
  }

  // For DeadlineRunner: after the deadline the result of the running collector is ignored.
  std::optional<Time::time_point> HasTimeUntil() {
    const std::lock_guard lock(mutex_);
    const auto until = began_ + timeout_;
    if (Time::now() < until || outcomes_.size() == entries_.size()) return std::max(until, Time::now());
    Entry& late = *entries_[outcomes_.size()];
    spdlog::warn("collector {} was cut off after {} ms", late.name, timeout_.count());
    ++late.late;
    cut_off_ = true;
    outcomes_.push_back({.seconds = Seconds(Time::now() - began_)});
    return std::nullopt;
  }

  // Of the collectors that have finished, in order.
  std::vector<Outcome> TakeOutcomes() {
    const std::lock_guard lock(mutex_);
    return std::move(outcomes_);
  }

 private:
  static double Seconds(Time::duration duration) { return std::chrono::duration<double>(duration).count(); }

  Outcome Collect(const Entry& entry) const {
    Outcome outcome;
    if (entry.late > 0 || (entry.of_looks && observation_ == nullptr)) return outcome;
    try {
      outcome.families = entry.collectable->Collect();
      outcome.success = true;
    } catch (const std::exception& error) {
      spdlog::warn("collector {} failed: {}", entry.name, error.what());
    } catch (...) {
      spdlog::warn("collector {} failed with an unknown exception", entry.name);
    }
    return outcome;
  }

  // False if it was cut off in the meantime.
  bool Keep(Entry& entry, Outcome outcome) {
    const std::lock_guard lock(mutex_);
    if (cut_off_) {
      --entry.late;
      return false;
    }
    const auto now = Time::now();
    outcome.seconds = Seconds(now - std::exchange(began_, now));
    outcomes_.push_back(std::move(outcome));
    return true;
  }

  const Entries entries_;
  const std::shared_ptr<const agents::Observation> observation_;
  const std::chrono::milliseconds timeout_;
  std::mutex mutex_;
  Time::time_point began_ = Time::now();  // the collector under way, the one after outcomes_
  std::vector<Outcome> outcomes_;
  bool cut_off_ = false;
};

Registry::Registry(Fresh fresh, std::chrono::milliseconds collector_timeout)
    : fresh_(std::move(fresh)), timeout_(collector_timeout) {}

void Registry::Register(const collectors::CollectorRow& row) {
  Register(std::string(row.name),
           std::make_shared<collectors::ObservationCollectable>(row, [] { return current_observation; }),
           true);
}

void Registry::Register(std::string name, std::shared_ptr<prometheus::Collectable> collectable,
                        bool of_looks) {
  auto entry = std::make_shared<Entry>();
  entry->name = std::move(name);
  entry->collectable = std::move(collectable);
  entry->of_looks = of_looks;
  entries_.push_back(std::move(entry));
}

absl::Status Registry::CheckNames(const std::vector<std::string>& names) const {
  for (const std::string& name : names) {
    if (std::any_of(entries_.begin(), entries_.end(), [&](const auto& entry) { return entry->name == name; }))
      continue;
    const std::string known =
        absl::StrJoin(entries_, ", ", [](std::string* out, const auto& entry) { out->append(entry->name); });
    return absl::InvalidArgumentError(
        absl::StrCat("no collector \"", name, "\" is switched on; there are: ", known));
  }
  return absl::OkStatus();
}

absl::StatusOr<collectors::Families> Registry::Scrape(const std::vector<std::string>& collect,
                                                      const std::vector<std::string>& exclude) {
  for (const auto* names : {&collect, &exclude}) {
    if (absl::Status status = CheckNames(*names); !status.ok()) return status;
  }
  const std::shared_ptr<const agents::Observation> observation = fresh_();
  Entries chosen;
  for (const auto& entry : entries_) {
    if ((collect.empty() || Contains(collect, entry->name)) && !Contains(exclude, entry->name))
      chosen.push_back(entry);
  }
  std::vector<Outcome> outcomes = CollectAll(chosen, observation);

  collectors::Families all;
  collectors::Family success = collectors::Family::Gauge("agent_exporter_collector_success",
                                                         "1 if the collector succeeded in this scrape.");
  collectors::Family duration =
      collectors::Family::Gauge("agent_exporter_collector_duration_seconds", "Time the collector took.");
  collectors::Family last =
      collectors::Family::Gauge("agent_exporter_last_collect_timestamp_seconds",
                                "When the figures that the collector last showed were read.");
  for (size_t i = 0; i < chosen.size(); ++i) {
    Entry& entry = *chosen[i];
    Outcome& outcome = outcomes[i];
    if (outcome.success && observation != nullptr) entry.last_success = observation->wall_seconds;
    std::move(outcome.families.begin(), outcome.families.end(), std::back_inserter(all));
    const collectors::Labels labels = {{"collector", entry.name}};
    success.Add(labels, outcome.success ? 1.0 : 0.0);
    duration.Add(labels, outcome.seconds);
    if (entry.last_success > 0) last.Add(labels, entry.last_success.load());
  }
  for (prometheus::MetricFamily& family : collectors::Collected(success, duration, last))
    all.push_back(std::move(family));
  return all;
}

std::vector<Registry::Outcome> Registry::CollectAll(
    Entries entries, const std::shared_ptr<const agents::Observation>& observation) {
  const base::RunnerPool::Lease runner(runners_);
  std::vector<Outcome> all;
  while (!entries.empty()) {
    const auto pass = std::make_shared<Pass>(entries, observation, timeout_);
    runner->Run([pass] { pass->Run(); }, [pass] { return pass->HasTimeUntil(); });
    std::vector<Outcome> outcomes = pass->TakeOutcomes();
    entries.erase(entries.begin(), entries.begin() + static_cast<ptrdiff_t>(outcomes.size()));
    std::move(outcomes.begin(), outcomes.end(), std::back_inserter(all));
  }
  return all;
}

}  // namespace agent_exporter::serve
