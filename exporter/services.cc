#include "exporter/services.h"

#include <spdlog/spdlog.h>

#include <string>
#include <utility>

#include "exporter/meta_collectable.h"
#include "exporter/state_directory.h"

namespace agent_exporter {
namespace {

using Tick = std::shared_ptr<const Observation>;

void Warn(const std::string& line) { spdlog::warn("{}", line); }

// Null, and a log line, where there is no place to keep it: evidence is then gathered anew after a restart.
std::unique_ptr<LeakState> MakeLeakState(const Options& options, Observer& observer) {
  if (options.leak_time_factor != 1) {
    spdlog::warn("a test: leak evidence takes time for {} times as long as it is, and is not kept",
                 options.leak_time_factor);
    return nullptr;
  }
  const auto directory = OwnStateDirectory();
  if (!directory.ok()) {
    spdlog::info("leak evidence is not kept over restarts: {}", std::string(directory.status().message()));
    return nullptr;
  }
  auto state = std::make_unique<LeakState>(*directory, observer.leaks(), observer.boot_time_seconds());
  state->Load();
  return state;
}

}  // namespace

Services::Services(const Options& options, const Config& config)
    : options_(options),
      snapshot_config_(config.snapshot),
      meta_options_(config.meta),
      ledger_(LedgerService::Make(options, config.ledger, config.rules.rules())) {}

void Services::Follow(Sampler& sampler, Observer& observer) {
  sampler.AddListener([exits = exits_](const Tick& tick) { exits->Take(*tick); });

  meta_ = std::make_shared<MetaKeeper>(
      std::make_unique<MetaReader>(std::move(meta_options_), options_.procfs, &Warn));
  sampler.AddListener([meta = meta_](const Tick& tick) { meta->Offer(tick); });

  snapshots_.emplace(snapshot_config_, options_.snapshot.dir, options_.procfs,
                     [meta = meta_](const AgentSample& agent) { return meta->Latest(agent); });
  snapshots_->Follow(sampler);

  leak_state_ = MakeLeakState(options_, observer);
  if (leak_state_ != nullptr) {
    sampler.AddListener([this](const Tick& tick) { leak_state_->OnTick(tick->monotonic_seconds); });
  }
  ledger_->Follow(sampler);
}

void Services::AddMetrics(Scraper& scraper) {
  // What stands outside the table of collectors counts as on by default.
  if (options_.disable_default_collectors) return;
  scraper.Add("agent_meta", std::make_shared<MetaCollectable>(meta_));
  snapshots_->AddMetrics(scraper);
  ledger_->AddMetrics(scraper, !options_.disable_exporter_metrics);
}

void Services::AddRoutes(HttpServer& server, const BearerToken& token) {
  ledger_->AddRoutes(server, token);
  snapshots_->AddRoute(server, token);
}

void Services::Start() {
  spdlog::info("{}", ledger_->told());
  ledger_->Start();
}

void Services::Stop() {
  ledger_->Stop();
  snapshots_->Stop();
  if (leak_state_ != nullptr) leak_state_->Finish();
}

}  // namespace agent_exporter
