// What serve runs besides scrapes: the ledger, snapshots, agent_meta, the log of how agents ended, the leak
// evidence that outlives a restart. The sampler feeds each of them; some show metrics and routes of their
// own. A new one is a member here and a line in each function.
//
// Ownership: owns them all; borrows the options. Made before the sampler and destroyed after it, whose
// listeners they are.
// Thread safety: one thread sets it up and stops it.

#ifndef AGENT_EXPORTER_EXPORTER_SERVICES_H_
#define AGENT_EXPORTER_EXPORTER_SERVICES_H_

#include <memory>
#include <optional>
#include <vector>

#include "agents/observer.h"
#include "exporter/config.h"
#include "exporter/options.h"
#include "http/bearer_token.h"
#include "http/http_server.h"
#include "ledger/ledger_service.h"
#include "run/exit_log.h"
#include "serve/leak_state.h"
#include "serve/registry.h"
#include "serve/sampler.h"
#include "sessions/meta_keeper.h"
#include "snapshot/snapshot_service.h"

namespace agent_exporter::exporter {

class Services {
 public:
  // Opens what is written to; starts no thread, so that privileges can still be given up.
  Services(const Options& options, const Config& config);

  // These three before the sampler's, the registry's and the server's start. Follow starts threads.
  void Follow(serve::Sampler& sampler, agents::Observer& observer);
  void AddMetrics(serve::Registry& registry);
  void AddRoutes(http::HttpServer& server, const http::BearerToken& token);

  // Once all else runs.
  void Start();
  // After the sampler has stopped.
  void Stop();

  const run::FlightRecorder& recorder() const { return exits_->recorder(); }

 private:
  const Options& options_;
  const std::optional<snapshot::SnapshotConfig> snapshot_config_;
  std::vector<sessions::MetaOptions> meta_options_;

  // Shared with the sampler's listeners and with scrapes that come late.
  std::shared_ptr<run::ExitLog> exits_ = std::make_shared<run::ExitLog>();
  std::shared_ptr<sessions::MetaKeeper> meta_;
  std::unique_ptr<ledger::LedgerService> ledger_;
  std::optional<snapshot::SnapshotService> snapshots_;
  std::unique_ptr<serve::LeakState> leak_state_;  // null: there is no place to keep it
};

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_SERVICES_H_
