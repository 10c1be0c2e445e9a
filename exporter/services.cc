#include "exporter/services.h"

#include <spdlog/spdlog.h>

#include <string>
#include <utility>

#include "base/clock.h"
#include "base/state_directory.h"
#include "hooks/hooks_collectable.h"
#include "hooks/session_events.h"
#include "kernel/rooted_reader.h"
#include "sessions/meta_collectable.h"
#include "sessions/session_collectable.h"

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

std::vector<hooks::HookOptions> HooksOf(const Config& config) {
  std::vector<hooks::HookOptions> all = config.hooks;
  const auto add = [&all](const std::vector<hooks::HookOptions>& more) {
    all.insert(all.end(), more.begin(), more.end());
  };
  if (config.snapshot) add(config.snapshot->hooks);
  for (const hooks::ConditionOptions& condition : config.conditions) add(condition.hooks);
  return all;
}

// Null if there is no state directory: we log it, and a restart loses the evidence.
std::unique_ptr<serve::LeakState> MakeLeakState(serve::Watch& watch) {
  const auto directory = base::OwnStateDirectory();
  if (!directory.ok()) {
    spdlog::info("a restart will lose the leak evidence: {}", std::string(directory.status().message()));
    return nullptr;
  }
  auto state = std::make_unique<serve::LeakState>(*directory, watch.leaks(),
                                                  watch.observer().boot_time_seconds(), base::System::Real());
  state->Load();
  return state;
}

// Null if there is no state directory: we log it, and after a restart orphans belong to no agent.
std::unique_ptr<serve::TreeState> MakeTreeState(const Options& options, agents::Observer& observer) {
  const auto directory = base::OwnStateDirectory();
  const kernel::RootedReader proc(options.procfs);
  std::string buffer;
  const auto boot_id = proc.Read("sys/kernel/random/boot_id", &buffer);
  const absl::Status status = directory.ok() ? boot_id.status() : directory.status();
  if (!status.ok()) {
    spdlog::info("a restart will lose the process trees: {}", std::string(status.message()));
    return nullptr;
  }
  auto state =
      std::make_unique<serve::TreeState>(*directory, observer, std::string(*boot_id), base::System::Real());
  state->Load();
  return state;
}

}  // namespace

Services::Services(const Options& options, const Config& config)
    : options_(options),
      snapshot_config_(config.snapshot),
      meta_options_(config.meta),
      sessions_config_(config.sessions),
      hooks_(std::make_shared<hooks::HookPool>(HooksOf(config), &Warn)),
      events_(std::make_shared<hooks::AgentEvents>(
          config.conditions, [pool = hooks_](const hooks::HookEvent& event) { pool->Notify(event); })),
      ledger_(ledger::LedgerService::Make(
          options.ledger_path, LedgerOf(options, config), config.rules.rules(),
          [this](const std::string& agent) { return HeapOf(agent); }, [this] { return AgentErrors(); })) {}

void Services::Follow(serve::Sampler& sampler, serve::Watch& watch) {
  sampler.AddListener([exits = exits_](const Tick& tick) { exits->Take(*tick); });

  FollowSessions(sampler);

  snapshots_.emplace(snapshot_config_, options_.snapshot.dir, options_.procfs, meta_source(), hooks_);
  snapshots_->Follow(sampler);
  sampler.AddListener([events = events_](const Tick& tick) { events->Take(*tick); });

  leak_state_ = MakeLeakState(watch);
  if (leak_state_ != nullptr) {
    sampler.AddListener([this](const Tick& tick) { leak_state_->OnTick(tick->monotonic_seconds); });
  }
  tree_state_ = MakeTreeState(options_, watch.observer());
  if (tree_state_ != nullptr) {
    sampler.AddListener([this](const Tick& tick) { tree_state_->OnTick(tick->monotonic_seconds); });
  }
  ledger_->Follow(sampler);

  const auto adopt = [&sampler](serve::PaneWatch::Panes panes) {
    sampler.BeforeNextLook(
        [panes = std::move(panes)](agents::Observer& observer) { observer.SetPanes(panes); });
  };
  panes_ = std::make_unique<serve::PaneWatch>(
      serve::PaneWatch::Options{.list = serve::ListPanes, .changed = adopt}, base::System::Real());
  panes_->SetRules(watch.observer().rules().rules());
}

// Each of the two keepers uses the other: a session shows what its agent's own file tells, and agent_meta
// what the session's files tell.
void Services::FollowSessions(serve::Sampler& sampler) {
  const auto meta = std::make_shared<std::weak_ptr<const sessions::MetaKeeper>>();
  sessions_ = std::make_shared<sessions::SessionKeeper>(
      sessions::SessionBook::Options{.procfs = options_.procfs,
                                     .enabled = sessions_config_.enabled,
                                     .reader = {.count_from = base::SystemClock().wall,
                                                .context_windows = sessions_config_.context_windows},
                                     .meta = meta_options_,
                                     .told =
                                         [meta](const agents::AgentSample& agent) {
                                           const auto keeper = meta->lock();
                                           return keeper == nullptr ? std::nullopt : keeper->Told(agent);
                                         }},
      &Warn, [pool = hooks_](const sessions::SessionsView& before, const sessions::SessionsView& now) {
        hooks::TellSessionEvents(before, now,
                                 [&pool](const hooks::HookEvent& event) { pool->Notify(event); });
      });
  meta_ = std::make_shared<sessions::MetaKeeper>(
      std::make_unique<sessions::MetaReader>(std::move(meta_options_), &Warn),
      [keeper = sessions_](const agents::AgentSample& agent) { return sessions::MetaOf(keeper->Of(agent)); },
      &Warn);
  *meta = meta_;
  sampler.AddListener([keeper = sessions_](const Tick& tick) { keeper->Enqueue(tick); });
  sampler.AddListener([keeper = meta_](const Tick& tick) { keeper->Enqueue(tick); });
}

std::optional<int64_t> Services::HeapOf(const std::string& agent) const {
  std::optional<int64_t> sum;
  for (const sessions::MetaKeeper::Entry& entry : meta_->All()) {
    if (entry.name != agent || !entry.meta.heap_used_bytes) continue;
    sum = sum.value_or(0) + static_cast<int64_t>(*entry.meta.heap_used_bytes);
  }
  return sum;
}

std::vector<ledger::AgentError> Services::AgentErrors() const {
  std::vector<ledger::AgentError> errors;
  const sessions::SessionKeeper::View view = sessions_->Latest();
  for (const sessions::Session& session : view->sessions) {
    for (const sessions::ServiceError& error : session.state.errors) {
      errors.push_back({session.agent, error.ts, error.text});
    }
  }
  return errors;
}

void Services::AddMetrics(serve::Registry& registry) {
  // Metrics outside the table of collectors are on by default.
  if (options_.disable_default_collectors) return;
  registry.Register("sessions", std::make_shared<sessions::SessionCollectable>([keeper = sessions_] {
                      return keeper->Latest();
                    }),
                    true);
  registry.Register("agent_meta", std::make_shared<sessions::MetaCollectable>(meta_), true);
  snapshots_->AddMetrics(registry);
  registry.Register("hooks", std::make_shared<hooks::HooksCollectable>(hooks_, events_));
  ledger_->AddMetrics(registry, !options_.disable_exporter_metrics);
}

void Services::AddRoutes(http::HttpServer& server, const http::BearerToken& token) {
  ledger_->AddRoutes(server, token);
  snapshots_->AddRoute(server, token);
}

void Services::LogLedger() const { spdlog::info("{}", ledger_->log_line()); }

void Services::Stop() {
  panes_->Stop();
  ledger_->Stop();
  snapshots_->Stop();
  if (leak_state_ != nullptr) leak_state_->Finish();
  if (tree_state_ != nullptr) tree_state_->Finish();
}

}  // namespace agent_exporter::exporter
