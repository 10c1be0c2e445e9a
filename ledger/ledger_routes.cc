#include "ledger/ledger_routes.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "ledger/schema.h"

namespace agent_exporter::ledger {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kSummaryHours = 1;
constexpr double kSamplesHours = 1;
constexpr double kRateLimitHours = 24;
constexpr double kMaxHours = 24 * 3650;
constexpr int kDefaultLimit = 200;
constexpr int kMaxLimit = 2000;

std::string First(const http::HttpRequest& request, std::string_view name) {
  const auto values = request.QueryValues(name);
  return values.empty() ? "" : values.front();
}

double HoursOf(const http::HttpRequest& request, double fallback) {
  double hours = 0;
  if (!absl::SimpleAtod(First(request, "sinceHours"), &hours) || !std::isfinite(hours) || hours <= 0) {
    return fallback;
  }
  return std::min(hours, kMaxHours);
}

int LimitOf(const http::HttpRequest& request) {
  int limit = 0;
  if (!absl::SimpleAtoi(First(request, "limit"), &limit) || limit < 1 || limit > kMaxLimit) {
    return kDefaultLimit;
  }
  return limit;
}

// "1700000000000.12", the nextCursor of the previous page.
bool ParseCursor(const std::string& text, std::optional<SampleCursor>* cursor) {
  const size_t dot = text.find('.');
  SampleCursor parsed;
  if (dot == std::string::npos || !absl::SimpleAtoi(text.substr(0, dot), &parsed.ts) ||
      !absl::SimpleAtoi(text.substr(dot + 1), &parsed.source_id) || parsed.ts < 0 || parsed.source_id < 0) {
    return false;
  }
  *cursor = parsed;
  return true;
}

template <typename Value>
Json OrNull(const std::optional<Value>& value) {
  return value ? Json(*value) : Json(nullptr);
}

// The ledger stores two decimals.
double Rounded(double value) { return std::round(value * 100) / 100; }

Json RoundedOrNull(const std::optional<double>& value) {
  return value ? Json(Rounded(*value)) : Json(nullptr);
}

// 24 instead of 24.0, for clients that compare texts.
Json Hours(double hours) {
  return hours == std::floor(hours) ? Json(static_cast<int64_t>(hours)) : Json(hours);
}

http::HttpResponse JsonResponse(const Json& json) {
  return {.content_type = "application/json",
          .body = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"};
}

http::HttpResponse Unavailable() { return {.status = 503, .body = "resource ledger unavailable\n"}; }

http::HttpResponse Unavailable(const absl::Status& status) {
  spdlog::debug("cannot read the ledger: {}", std::string(status.message()));
  return Unavailable();
}

struct ParsedQuery {
  LedgerWindow window;
  double hours = 0;
  Json answer;  // with the fields that start every answer
};

ParsedQuery ParseQuery(const LedgerView& view, const http::HttpRequest& request, double default_hours) {
  ParsedQuery query;
  query.hours = HoursOf(request, default_hours);
  query.window.agent = First(request, "agent");
  query.window.now = view.now_ms();
  query.window.since = query.window.now - std::llround(query.hours * static_cast<double>(kMillisPerHour));
  query.answer["windowHours"] = Hours(query.hours);
  query.answer["sinceMs"] = query.window.since;
  return query;
}

}  // namespace

http::HttpResponse ResourceSummary(const LedgerView& view, const http::HttpRequest& request) {
  if (view.reader == nullptr) return Unavailable();
  ParsedQuery query = ParseQuery(view, request, kSummaryHours);
  const auto agents = view.reader->Agents();
  if (!agents.ok()) return Unavailable(agents.status());
  const auto summary = view.reader->Summarize(query.window);
  if (!summary.ok()) return Unavailable(summary.status());
  const SourceKeys live = view.live();
  Json& answer = query.answer;
  answer["sampleCount"] = summary->samples;
  answer["agents"] = *agents;
  answer["sources"] = Json::array();
  for (const SourceSummary& source : summary->sources) {
    const bool there = live.contains({source.agent, source.source});
    answer["sources"].push_back(
        {{"agent", source.agent},
         {"source", source.source},
         {"currentCpuPercent", there ? OrNull(source.current_cpu_percent) : Json(nullptr)},
         {"currentRssBytes", there ? OrNull(source.current_rss_bytes) : Json(nullptr)},
         {"currentHeapUsedBytes", there ? OrNull(source.current_heap_used_bytes) : Json(nullptr)},
         {"avgCpuPercent", Rounded(source.average_cpu_percent)},
         {"peakCpuPercent", source.peak_cpu_percent},
         {"avgRssBytes", RoundedOrNull(source.average_rss_bytes)},
         {"peakRssBytes", OrNull(source.peak_rss_bytes)},
         {"sampleCount", source.samples},
         {"newestTs", source.newest_ts}});
  }
  return JsonResponse(answer);
}

http::HttpResponse ResourceSamples(const LedgerView& view, const http::HttpRequest& request) {
  if (view.reader == nullptr) return Unavailable();
  ParsedQuery query = ParseQuery(view, request, kSamplesHours);
  query.window.source = First(request, "source");
  std::optional<SampleCursor> cursor;
  if (const std::string text = First(request, "cursor"); !text.empty() && !ParseCursor(text, &cursor)) {
    return {.status = 400,
            .body = "bad cursor: use nextCursor of the previous page, or leave it out for the newest page\n"};
  }
  const int limit = LimitOf(request);
  const auto page = view.reader->Samples(query.window, cursor, limit);
  if (!page.ok()) return Unavailable(page.status());
  Json& answer = query.answer;
  answer["limit"] = limit;
  answer["samples"] = Json::array();
  for (const StoredSample& sample : page->samples) {
    answer["samples"].push_back({{"ts", sample.ts},
                                 {"agent", sample.agent},
                                 {"source", sample.source},
                                 {"pid", OrNull(sample.pid)},
                                 {"cpuPercent", sample.cpu_percent},
                                 {"rssBytes", OrNull(sample.rss_bytes)},
                                 {"heapUsedBytes", OrNull(sample.heap_used_bytes)}});
  }
  answer["nextCursor"] =
      page->next ? Json(fmt::format("{}.{}", page->next->ts, page->next->source_id)) : Json(nullptr);
  return JsonResponse(answer);
}

http::HttpResponse ResourceRateLimits(const LedgerView& view, const http::HttpRequest& request) {
  if (view.reader == nullptr) return Unavailable();
  ParsedQuery query = ParseQuery(view, request, kRateLimitHours);
  const auto limits = view.reader->Events(query.window);
  if (!limits.ok()) return Unavailable(limits.status());
  int64_t total = 0, trips = 0, recovers = 0;
  Json by_kind = Json::object();
  for (const auto& [kind, count] : limits->by_kind) {
    by_kind[kind] = count;
    total += count;
    if (kind == "trip") trips = count;
    if (kind == "recover") recovers = count;
  }
  Json& answer = query.answer;
  answer["summary"] = {{"trips", trips},
                       {"tripsPerHour", Rounded(static_cast<double>(trips) / query.hours)},
                       {"recovers", recovers},
                       {"sentinel", total - trips - recovers},
                       {"total", total}};
  answer["byKind"] = std::move(by_kind);
  answer["events"] = Json::array();
  for (const StoredEvent& event : limits->events) {
    answer["events"].push_back({{"id", event.id},
                                {"ts", event.ts},
                                {"agent", event.agent},
                                {"source", event.source},
                                {"kind", event.kind}});
  }
  return JsonResponse(answer);
}

void AddLedgerRoutes(http::HttpServer& server, const http::BearerToken& token, const LedgerView& view) {
  using Handle = http::HttpResponse (*)(const LedgerView&, const http::HttpRequest&);
  const std::pair<const char*, Handle> routes[] = {{"/resources/summary", &ResourceSummary},
                                                   {"/resources/samples", &ResourceSamples},
                                                   {"/resources/rate-limits", &ResourceRateLimits}};
  for (const auto& [path, handle] : routes) {
    server.AddRoute(path, http::Guarded(token, [view, answer = handle](const http::HttpRequest& request) {
                      return answer(view, request);
                    }));
  }
}

}  // namespace agent_exporter::ledger
