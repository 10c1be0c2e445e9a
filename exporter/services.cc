#include "exporter/services.h"

#include <spdlog/spdlog.h>

#include <string>
#include <utility>

#include "base/state_directory.h"
#include "sessions/meta_collectable.h"

namespace agent_exporter::exporter {
namespace {

using Tick = std::shared_ptr<const agents::Observation>;

// The configuration's ledger settings, unless a flag disables it.
ledger::LedgerConfig LedgerOf(const Options& options, const Config& config) {
  ledger::LedgerConfig ledger = config.ledger;
  ledger.enabled = ledger.enabled && !options.no_ledger;
  return ledger;
}

void Warn(const std::string& line) { spdlog::warn("{}", line); }

// Null if there is no state directory: we log it, and a restart loses the evidence.
std::unique_ptr<serve::LeakState> MakeLeakState(const Options& options, agents::Observer& observer) {
  if (options.leak_time_factor != 1) {
    spdlog::warn("a test: leak evidence takes time for {} times as long as it is, and is not kept",
                 options.leak_time_factor);
    return nullptr;
  }
  const auto directory = base::OwnStateDirectory();
  if (!directory.ok()) {
    spdlog::info("leak evidence does not survive a restart: {}", std::string(directory.status().message()));
    return nullptr;
  }
  auto state = std::make_unique<serve::LeakState>(*directory, observer.leaks(), observer.boot_time_seconds());
  state->Load();
  return state;
}

}  // namespace

Services::Services(const Options& options, const Config& config)
    : options_(options),
      snapshot_config_(config.snapshot),
      meta_options_(config.meta),
      ledger_(ledger::LedgerService::Make(options.ledger_path, LedgerOf(options, config),
                                          config.rules.rules())) {}

void Services::Follow(serve::Sampler& sampler, agents::Observer& observer) {
  sampler.AddListener([exits = exits_](const Tick& tick) { exits->Take(*tick); });

  meta_ = std::make_shared<sessions::MetaKeeper>(
      std::make_unique<sessions::MetaReader>(std::move(meta_options_), options_.procfs, &Warn));
  sampler.AddListener([meta = meta_](const Tick& tick) { meta->Offer(tick); });

  snapshots_.emplace(snapshot_config_, options_.snapshot.dir, options_.procfs,
                     [meta = meta_](const agents::AgentSample& agent) { return meta->Latest(agent); });
  snapshots_->Follow(sampler);

  leak_state_ = MakeLeakState(options_, observer);
  if (leak_state_ != nullptr) {
    sampler.AddListener([this](const Tick& tick) { leak_state_->OnTick(tick->monotonic_seconds); });
  }
  ledger_->Follow(sampler);
}

void Services::AddMetrics(serve::Registry& registry) {
  // Metrics outside the table of collectors are on by default.
  if (options_.disable_default_collectors) return;
  registry.Register("agent_meta", std::make_shared<sessions::MetaCollectable>(meta_), true);
  snapshots_->AddMetrics(registry);
  ledger_->AddMetrics(registry, !options_.disable_exporter_metrics);
}

void Services::AddRoutes(http::HttpServer& server, const http::BearerToken& token) {
  ledger_->AddRoutes(server, token);
  snapshots_->AddRoute(server, token);
}

void Services::Start() {
  spdlog::info("{}", ledger_->log_line());
  ledger_->Start();
}

void Services::Stop() {
  ledger_->Stop();
  snapshots_->Stop();
  if (leak_state_ != nullptr) leak_state_->Finish();
}

}  // namespace agent_exporter::exporter
