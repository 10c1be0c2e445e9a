// The ledger in `serve`: configured by file and flags, fed by the sampler, read by scrapes and HTTP routes.
//
// If the ledger fails, the routes answer 503 and everything else works.
//
// Ownership: owns the recorder and the reader. Thread safety: one thread sets it up and stops it.

#ifndef AGENT_EXPORTER_LEDGER_LEDGER_SERVICE_H_
#define AGENT_EXPORTER_LEDGER_LEDGER_SERVICE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agents/rules.h"
#include "http/bearer_token.h"
#include "http/http_server.h"
#include "ledger/ledger_config.h"
#include "ledger/reader.h"
#include "ledger/recorder.h"
#include "serve/registry.h"
#include "serve/sampler.h"

namespace agent_exporter::ledger {

// `flag` (--ledger.path), or the configuration's path, or resource-ledger.db in the state directory.
absl::StatusOr<std::string> LedgerPath(const std::string& flag, const LedgerConfig& config);

class LedgerService {
 public:
  // Returns the heap use that an agent reports, by its name; called once the sampler runs.
  using HeapOf = std::function<std::optional<int64_t>(const std::string& agent)>;
  // The last errors of the agents' services; called once the sampler runs.
  using AgentErrors = std::function<std::vector<AgentError>()>;

  // Never fails. If the ledger is disabled or cannot be written, the service has none, and log_line() says
  // why.
  static std::unique_ptr<LedgerService> Make(const std::string& path_flag, const LedgerConfig& config,
                                             const std::vector<agents::Rule>& rules, HeapOf heap_of,
                                             AgentErrors agent_errors);

  bool on() const { return recorder_ != nullptr; }
  // Says where the ledger is, or why there is none.
  const std::string& log_line() const { return log_line_; }

  // Call these before the sampler and the server start.
  void Follow(serve::Sampler& sampler);
  void AddMetrics(serve::Registry& registry, bool exporter_metrics);
  void AddRoutes(http::HttpServer& server, const http::BearerToken& token);
  void Stop();

 private:
  std::string log_line_;
  std::unique_ptr<LedgerReader> reader_;
  std::shared_ptr<LedgerRecorder> recorder_;  // shared with late scrapes
};

}  // namespace agent_exporter::ledger

#endif  // AGENT_EXPORTER_LEDGER_LEDGER_SERVICE_H_
