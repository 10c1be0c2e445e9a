// /resources/summary, /resources/samples and /resources/rate-limits: the ledger as JSON. docs/ledger.md
// describes the fields.
//
// All accept sinceHours (if it is not a positive number, the default applies) and agent (if missing, all
// agents). They answer 503 "resource ledger unavailable" if there is no ledger or it cannot be read.
//
// Thread safety: any number of threads may call the handlers.

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
  std::function<SourceKeys()> live;  // the running sources; only these have current values
  std::function<int64_t()> now_ms;
};

http::HttpResponse ResourceSummary(const LedgerView& view, const http::HttpRequest& request);
http::HttpResponse ResourceSamples(const LedgerView& view, const http::HttpRequest& request);
http::HttpResponse ResourceRateLimits(const LedgerView& view, const http::HttpRequest& request);

// `token` and the reader of `view` must outlive the server.
void AddLedgerRoutes(http::HttpServer& server, const http::BearerToken& token, const LedgerView& view);

}  // namespace agent_exporter::ledger

#endif  // AGENT_EXPORTER_LEDGER_LEDGER_ROUTES_H_
