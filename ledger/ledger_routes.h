// /resources/summary, /resources/samples and /resources/rate-limits: the ledger as JSON. docs/ledger.md shows
// their shapes.
//
// All take sinceHours (not a positive number: the default) and agent (none: all agents, each entry says
// whose it is). 503 "resource ledger unavailable" when there is no ledger or it cannot be read.
//
// Thread safety: handlers may be called from any number of threads.

#ifndef AGENT_EXPORTER_LEDGER_LEDGER_ROUTES_H_
#define AGENT_EXPORTER_LEDGER_LEDGER_ROUTES_H_

#include <functional>

#include "http/bearer_token.h"
#include "http/http_server.h"
#include "ledger/reader.h"
#include "ledger/records.h"

namespace agent_exporter::ledger {

struct LedgerView {
  LedgerReader* reader = nullptr;    // null: the ledger is off
  std::function<SourceKeys()> live;  // the sources that are there now: what ended has no current figures
  std::function<int64_t()> now_ms;
};

http::HttpResponse ResourceSummary(const LedgerView& view, const http::HttpRequest& request);
http::HttpResponse ResourceSamples(const LedgerView& view, const http::HttpRequest& request);
http::HttpResponse ResourceRateLimits(const LedgerView& view, const http::HttpRequest& request);

// `token`, and what `view` names, must outlive the server.
void AddLedgerRoutes(http::HttpServer& server, const http::BearerToken& token, const LedgerView& view);

}  // namespace agent_exporter::ledger

#endif  // AGENT_EXPORTER_LEDGER_LEDGER_ROUTES_H_
