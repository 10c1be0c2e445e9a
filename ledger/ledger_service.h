// The ledger within `serve`: made from configuration and flags, fed by the sampler, shown by registry and
// HTTP.
//
// Everything here fails open: without a ledger the routes answer 503, and all else goes on.
//
// Ownership: owns the recorder and the reader. Thread safety: set up and ended by one thread.

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
  // Off by flag or configuration, or where nothing can be written: a service without a ledger, and told()
  // says it. Never an error.
  static std::unique_ptr<LedgerService> Make(const std::string& path_flag, const LedgerConfig& config,
                                             const std::vector<agents::Rule>& rules);

  bool on() const { return recorder_ != nullptr; }
  // One line for the log: where the ledger is, or why there is none.
  const std::string& told() const { return told_; }

  // Before the sampler's, the registry's and the server's start.
  void Follow(serve::Sampler& sampler);
  void AddMetrics(serve::Registry& registry, bool exporter_metrics);
  void AddRoutes(http::HttpServer& server, const http::BearerToken& token);
  void Start();
  void Stop();

 private:
  std::string told_;
  std::unique_ptr<LedgerReader> reader_;
  std::shared_ptr<LedgerRecorder> recorder_;  // shared with a late scrape
};

}  // namespace agent_exporter::ledger

#endif  // AGENT_EXPORTER_LEDGER_LEDGER_SERVICE_H_
