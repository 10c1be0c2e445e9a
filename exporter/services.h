// The services that serve runs besides scrapes: the ledger, snapshots, sessions, agent_meta, the exit log,
// and leak evidence and trees that survive a restart. The sampler feeds each of them, and some add metrics
// and routes. To add a service, add a member here and a line to each function.
//
// Ownership: owns the services and borrows the options. They listen to the sampler, so make Services before
// the sampler and destroy it after the sampler.
// Thread safety: use it from one thread.

#ifndef AGENT_EXPORTER_EXPORTER_SERVICES_H_
#define AGENT_EXPORTER_EXPORTER_SERVICES_H_

#include <memory>
#include <optional>
#include <vector>

#include "exporter/config.h"
#include "exporter/options.h"
#include "hooks/agent_events.h"
#include "hooks/hook_pool.h"
#include "http/bearer_token.h"
#include "http/http_server.h"
#include "ledger/ledger_service.h"
#include "run/exit_log.h"
#include "run/slot_service.h"
#include "serve/leak_state.h"
#include "serve/pane_watch.h"
#include "serve/registry.h"
#include "serve/sampler.h"
#include "serve/tree_state.h"
#include "serve/watch.h"
#include "sessions/meta_keeper.h"
#include "sessions/session_keeper.h"
#include "snapshot/snapshot_service.h"

namespace agent_exporter::exporter {

class Services {
 public:
  // Opens the files that services write. Starts no thread, so that privileges can still be dropped.
  Services(const Options& options, const Config& config);

  // Call these three before the sampler and the server start.
  void Follow(serve::Sampler& sampler, serve::Watch& watch);
  void AddMetrics(serve::Registry& registry);
  void AddRoutes(http::HttpServer& server, const http::BearerToken& token);

  // Logs where the ledger is, or why there is none.
  void LogLedger() const;
  // The configuration was reloaded. From the main thread.
  void SetRules(const agents::RuleSet& rules) { panes_->SetRules(rules.rules()); }
  // Lists tmux panes from now on, where a rule asks for them. Call it when everything else runs.
  void WatchPanes() { panes_->Start(); }

  // Call it after the sampler has stopped.
  void Stop();

  // Each agent's agent_meta. Call it after Follow.
  sessions::MetaSource meta_source() const {
    return [meta = meta_](const agents::AgentSample& agent) { return meta->Latest(agent); };
  }
  // Each agent's sessions. Call it after Follow.
  sessions::SessionSource session_source() const {
    return [keeper = sessions_](const agents::AgentSample& agent) { return keeper->Of(agent); };
  }
  // The newest sessions, for those who ask by the socket. Call it after Follow.
  run::SlotService::Sessions latest_sessions() const {
    return [keeper = sessions_] { return keeper->Latest(); };
  }
  const run::FlightRecorder& recorder() const { return exits_->recorder(); }

 private:
  // Over all kinds and slots of that name.
  std::optional<int64_t> HeapOf(const std::string& agent) const;
  std::vector<ledger::AgentError> AgentErrors() const;
  void FollowSessions(serve::Sampler& sampler);

  const Options& options_;
  const std::optional<snapshot::SnapshotConfig> snapshot_config_;
  std::vector<sessions::MetaOptions> meta_options_;
  const sessions::SessionsConfig sessions_config_;

  // Shared with the sampler's listeners and with late scrapes.
  std::shared_ptr<hooks::HookPool> hooks_;
  std::shared_ptr<hooks::AgentEvents> events_;
  std::shared_ptr<run::ExitLog> exits_ = std::make_shared<run::ExitLog>();
  std::shared_ptr<sessions::SessionKeeper> sessions_;
  std::shared_ptr<sessions::MetaKeeper> meta_;
  std::unique_ptr<ledger::LedgerService> ledger_;
  std::optional<snapshot::SnapshotService> snapshots_;
  std::unique_ptr<serve::PaneWatch> panes_;
  std::unique_ptr<serve::LeakState> leak_state_;  // null: no state directory
  std::unique_ptr<serve::TreeState> tree_state_;  // null: no state directory
};

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_SERVICES_H_
