// The ledger within `serve`: made from configuration and flags, fed by the sampler, shown by scraper and
// HTTP.
//
// Everything here fails open: without a ledger the routes answer 503, and all else goes on.
//
// Ownership: owns the recorder and the reader. Thread safety: set up and ended by one thread.

#ifndef AGENT_EXPORTER_EXPORTER_LEDGER_SERVICE_H_
#define AGENT_EXPORTER_EXPORTER_LEDGER_SERVICE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agents/rules.h"
#include "exporter/bearer_token.h"
#include "exporter/http_server.h"
#include "exporter/ledger_config.h"
#include "exporter/options.h"
#include "exporter/sampler.h"
#include "exporter/scrape.h"
#include "ledger/reader.h"
#include "ledger/recorder.h"

namespace agent_exporter {

// --ledger.path, or the configuration's path, or resource-ledger.db in the state directory.
absl::StatusOr<std::string> LedgerPath(const Options& options, const LedgerConfig& config);

class LedgerService {
 public:
  // Off by flag or configuration, or where nothing can be written: a service without a ledger, and told()
  // says it. Never an error.
  static std::unique_ptr<LedgerService> Make(const Options& options, const LedgerConfig& config,
                                             const std::vector<Rule>& rules);

  bool on() const { return recorder_ != nullptr; }
  // One line for the log: where the ledger is, or why there is none.
  const std::string& told() const { return told_; }

  // Before the sampler's, the scraper's and the server's start.
  void Follow(Sampler& sampler);
  void AddMetrics(Scraper& scraper, bool exporter_metrics);
  void AddRoutes(HttpServer& server, const BearerToken& token);
  void Start();
  void Stop();

 private:
  std::string told_;
  std::unique_ptr<LedgerReader> reader_;
  std::shared_ptr<LedgerRecorder> recorder_;  // shared with a late scrape
};

}  // namespace agent_exporter

#endif  // AGENT_EXPORTER_EXPORTER_LEDGER_SERVICE_H_
