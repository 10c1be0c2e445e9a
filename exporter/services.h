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
#include "exporter/bearer_token.h"
#include "exporter/config.h"
#include "exporter/exit_log.h"
#include "exporter/http_server.h"
#include "exporter/leak_state.h"
#include "exporter/ledger_service.h"
#include "exporter/options.h"
#include "exporter/sampler.h"
#include "exporter/scrape.h"
#include "exporter/snapshot_service.h"
#include "snapshot/meta_keeper.h"

namespace agent_exporter {

class Services {
 public:
  // Opens what is written to; starts no thread, so that privileges can still be given up.
  Services(const Options& options, const Config& config);

  // These three before the sampler's, the scraper's and the server's start. Follow starts threads.
  void Follow(Sampler& sampler, Observer& observer);
  void AddMetrics(Scraper& scraper);
  void AddRoutes(HttpServer& server, const BearerToken& token);

  // Once all else runs.
  void Start();
  // After the sampler has stopped.
  void Stop();

  const FlightRecorder& recorder() const { return exits_->recorder(); }

 private:
  const Options& options_;
  const std::optional<SnapshotConfig> snapshot_config_;
  std::vector<MetaOptions> meta_options_;

  // Shared with the sampler's listeners and with scrapes that come late.
  std::shared_ptr<ExitLog> exits_ = std::make_shared<ExitLog>();
  std::shared_ptr<MetaKeeper> meta_;
  std::unique_ptr<LedgerService> ledger_;
  std::optional<SnapshotService> snapshots_;
  std::unique_ptr<LeakState> leak_state_;  // null: there is no place to keep it
};

}  // namespace agent_exporter

#endif  // AGENT_EXPORTER_EXPORTER_SERVICES_H_
