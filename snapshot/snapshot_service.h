// Snapshots in `serve`: ticker, metrics and the route.
//
// Ownership: shares its ticker with the metrics' collectables; shares the hooks; borrows the token. Thread
// safety: one thread sets it up and stops it.

#ifndef AGENT_EXPORTER_SNAPSHOT_SNAPSHOT_SERVICE_H_
#define AGENT_EXPORTER_SNAPSHOT_SNAPSHOT_SERVICE_H_

#include <memory>
#include <optional>
#include <string>

#include "hooks/hook_pool.h"
#include "http/bearer_token.h"
#include "http/http_server.h"
#include "serve/registry.h"
#include "serve/sampler.h"
#include "snapshot/snapshot_config.h"
#include "snapshot/ticker.h"

namespace agent_exporter::snapshot {

class SnapshotService {
 public:
  // Without a `config` it takes no snapshots, but still serves those of the command. `dir` is the flag's
  // value; `hooks` get an event for each difference.
  SnapshotService(const std::optional<SnapshotConfig>& config, const std::string& dir, std::string procfs,
                  sessions::MetaSource meta, std::shared_ptr<hooks::HookPool> hooks);

  // Takes snapshots of `sampler`'s observations. Call it before the sampler starts.
  void Follow(serve::Sampler& sampler);
  void AddMetrics(serve::Registry& registry);
  // GET /snapshot?agent=NAME: latest.json, or 404 if there is none.
  void AddRoute(http::HttpServer& server, const http::BearerToken& token);
  // Ends running probes.
  void Stop();

 private:
  std::shared_ptr<const SnapshotStore> store_;
  std::shared_ptr<SnapshotTicker> ticker_;  // null without a config
};

http::HttpResponse ShowSnapshot(const http::HttpRequest& request, const SnapshotStore& store);

}  // namespace agent_exporter::snapshot

#endif  // AGENT_EXPORTER_SNAPSHOT_SNAPSHOT_SERVICE_H_
