// /resources/summary, /resources/samples and /resources/rate-limits: the ledger as JSON. docs/ledger.md shows
// their shapes.
//
// All take sinceHours (not a positive number: the default) and agent (none: all agents, each entry says
// whose it is). 503 "resource ledger unavailable" when there is no ledger or it cannot be read.
//
// Thread safety: handlers may be called from any number of threads.

#ifndef AGENT_EXPORTER_EXPORTER_LEDGER_ROUTES_H_
#define AGENT_EXPORTER_EXPORTER_LEDGER_ROUTES_H_

#include <functional>

#include "exporter/bearer_token.h"
#include "exporter/http_server.h"
#include "ledger/reader.h"
#include "ledger/records.h"

namespace agent_exporter {

struct LedgerView {
  LedgerReader* reader = nullptr;    // null: the ledger is off
  std::function<SourceKeys()> live;  // the sources that are there now: what ended has no current figures
  std::function<int64_t()> now_ms;
};

HttpResponse ResourceSummary(const LedgerView& view, const HttpRequest& request);
HttpResponse ResourceSamples(const LedgerView& view, const HttpRequest& request);
HttpResponse ResourceRateLimits(const LedgerView& view, const HttpRequest& request);

// `token`, and what `view` names, must outlive the server.
void AddLedgerRoutes(HttpServer& server, const BearerToken& token, const LedgerView& view);

}  // namespace agent_exporter

#endif  // AGENT_EXPORTER_EXPORTER_LEDGER_ROUTES_H_
