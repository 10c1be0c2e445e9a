#include "exporter/scrape.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "collectors/family.h"

namespace agent_exporter {
namespace {

// The observation of the scrape that this thread works for, so that all collectors of one scrape show the
// same one.
thread_local std::shared_ptr<const Observation> current_observation;

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

struct Scraper::Outcome {
  enum State { kRunning, kDone, kCutOff };
  std::atomic<State> state{kRunning};
  bool success = false;
  double seconds = 0;
  Families families;
};

Scraper::Scraper(Fresh fresh, std::chrono::milliseconds collector_timeout)
    : fresh_(std::move(fresh)), timeout_(collector_timeout) {}

void Scraper::Add(const CollectorRow& row) {
  Add(std::string(row.name),
      std::make_shared<ObservationCollectable>(row, [] { return current_observation; }));
}

void Scraper::Add(std::string name, std::shared_ptr<prometheus::Collectable> collectable) {
  auto entry = std::make_shared<Entry>();
  entry->name = std::move(name);
  entry->collectable = std::move(collectable);
  entries_.push_back(std::move(entry));
}

absl::Status Scraper::CheckNames(const std::vector<std::string>& names) const {
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

absl::StatusOr<Families> Scraper::Run(const std::vector<std::string>& collect,
                                      const std::vector<std::string>& exclude) {
  for (const auto* names : {&collect, &exclude}) {
    if (absl::Status status = CheckNames(*names); !status.ok()) return status;
  }
  const std::shared_ptr<const Observation> observation = fresh_();
  std::unique_ptr<DeadlineRunner> runner = TakeRunner();

  Families all;
  Family success =
      Family::Gauge("agent_exporter_collector_success", "1 if the collector succeeded in this scrape.");
  Family duration = Family::Gauge("agent_exporter_collector_duration_seconds", "Time the collector took.");
  Family last = Family::Gauge("agent_exporter_last_collect_timestamp_seconds",
                              "When the figures that the collector last showed were read.");
  for (const auto& entry : entries_) {
    if ((!collect.empty() && !Contains(collect, entry->name)) || Contains(exclude, entry->name)) continue;
    const std::shared_ptr<Outcome> outcome = RunOne(entry, observation, *runner);
    if (outcome->success && observation != nullptr) entry->last_success = observation->wall_seconds;
    std::move(outcome->families.begin(), outcome->families.end(), std::back_inserter(all));
    const Labels labels = {{"collector", entry->name}};
    success.Add(labels, outcome->success ? 1.0 : 0.0);
    duration.Add(labels, outcome->seconds);
    if (entry->last_success > 0) last.Add(labels, entry->last_success.load());
  }
  const std::lock_guard lock(mutex_);
  idle_runners_.push_back(std::move(runner));
  for (prometheus::MetricFamily& family : Collected(success, duration, last))
    all.push_back(std::move(family));
  return all;
}

std::shared_ptr<Scraper::Outcome> Scraper::RunOne(const std::shared_ptr<Entry>& entry,
                                                  const std::shared_ptr<const Observation>& observation,
                                                  DeadlineRunner& runner) const {
  using Time = std::chrono::steady_clock;
  if (entry->late > 0) return std::make_shared<Outcome>();
  const auto started = Time::now();
  auto job_outcome = std::make_shared<Outcome>();
  bool done = runner.Run(
      [entry, observation, job_outcome] {
        current_observation = observation;
        try {
          job_outcome->families = entry->collectable->Collect();
          job_outcome->success = true;
        } catch (const std::exception& error) {
          spdlog::warn("collector {} failed: {}", entry->name, error.what());
        } catch (...) {
          spdlog::warn("collector {} failed with an unknown exception", entry->name);
        }
        current_observation.reset();
        auto expected = Outcome::kRunning;
        if (!job_outcome->state.compare_exchange_strong(expected, Outcome::kDone)) --entry->late;
      },
      timeout_);
  if (!done) {
    ++entry->late;
    auto expected = Outcome::kRunning;
    if (job_outcome->state.compare_exchange_strong(expected, Outcome::kCutOff)) {
      spdlog::warn("collector {} was cut off after {} ms", entry->name, timeout_.count());
    } else {  // it ended just now
      --entry->late;
      done = true;
    }
  }
  // A late job still writes to its own outcome, so a fresh one tells of it.
  const auto outcome = done ? job_outcome : std::make_shared<Outcome>();
  outcome->seconds = std::chrono::duration<double>(Time::now() - started).count();
  return outcome;
}

std::unique_ptr<DeadlineRunner> Scraper::TakeRunner() {
  const std::lock_guard lock(mutex_);
  if (idle_runners_.empty()) return std::make_unique<DeadlineRunner>();
  auto runner = std::move(idle_runners_.back());
  idle_runners_.pop_back();
  return runner;
}

}  // namespace agent_exporter
