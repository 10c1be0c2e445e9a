#include "snapshot/snapshot_service.h"

#include <spdlog/spdlog.h>

#include <utility>
#include <vector>

#include "sessions/meta_collectable.h"
#include "snapshot/diff_event.h"
#include "snapshot/snapshot_collectable.h"

namespace agent_exporter::snapshot {
namespace {

void Warn(const std::string& line) { spdlog::warn("{}", line); }

}  // namespace

SnapshotService::SnapshotService(const std::optional<SnapshotConfig>& config, const std::string& dir,
                                 std::string procfs, sessions::MetaSource meta,
                                 std::shared_ptr<hooks::HookPool> hooks) {
  const std::string where = SnapshotDir(dir, config ? config->options.dir : "");
  store_ = std::make_shared<SnapshotStore>(SnapshotStore::Options{.dir = where});
  if (!config) return;
  SnapshotTicker::Options options{
      .snapshot = config->options, .procfs = std::move(procfs), .meta = std::move(meta), .log = &Warn};
  options.snapshot.dir = where;
  options.on_diff.emplace_back([hooks](const auto& agent, const auto& diff, const auto& snapshot) {
    hooks->Notify(DiffEvent(agent, diff, snapshot));
  });
  ticker_ = std::make_shared<SnapshotTicker>(std::move(options));
}

void SnapshotService::Follow(serve::Sampler& sampler) {
  if (ticker_ == nullptr) return;
  sampler.AddListener([ticker = ticker_](const auto& observation) { ticker->Submit(observation); });
}

void SnapshotService::AddMetrics(serve::Registry& registry) {
  if (ticker_ == nullptr) return;
  registry.Register("snapshot", std::make_shared<SnapshotCollectable>(ticker_));
}

void SnapshotService::AddRoute(http::HttpServer& server, const http::BearerToken& token) {
  server.AddRoute("/snapshot", http::Guarded(token, [store = store_](const http::HttpRequest& request) {
                    return ShowSnapshot(request, *store);
                  }));
}

void SnapshotService::Stop() {
  if (ticker_ != nullptr) ticker_->Stop();
}

http::HttpResponse ShowSnapshot(const http::HttpRequest& request, const SnapshotStore& store) {
  const std::vector<std::string> agents = request.QueryValues("agent");
  if (agents.size() != 1 || agents[0].empty()) {
    return {.status = 400, .body = "name one agent: /snapshot?agent=NAME\n"};
  }
  auto text = store.ReadLatest(agents[0]);
  if (text.ok()) return {.content_type = "application/json", .body = *std::move(text)};
  if (absl::IsNotFound(text.status())) return {.status = 404, .body = "no snapshot of this agent\n"};
  Warn(std::string(text.status().message()));
  return {.status = 503, .body = "the snapshot cannot be read\n"};
}

}  // namespace agent_exporter::snapshot
