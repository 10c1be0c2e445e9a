#include "serve/metrics_handler.h"

#include <spdlog/spdlog.h>

#include <exception>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/bounded_reads.h"
#include "base/build_info.h"
#include "collectors/family.h"
#include "http/gzip_response.h"

namespace agent_exporter::serve {
namespace {

// An answer of this size or more is sent without a copy for each client.
constexpr size_t kSharedBytes = 16 << 10;

// Counts the running requests. They are limited, because each holds a thread.
class InFlight {
 public:
  explicit InFlight(std::atomic<int>& count) : count_(count), mine_(++count) {}
  ~InFlight() { --count_; }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;
  int number() const { return mine_; }

 private:
  std::atomic<int>& count_;
  int mine_;
};

}  // namespace

http::HttpResponse MetricsHandler::Handle(const http::HttpRequest& request) {
  const InFlight in_flight(in_flight_);
  if (options_.max_requests > 0 && in_flight.number() > options_.max_requests) {
    return {.status = 503,
            .body = absl::StrCat("more than ", options_.max_requests,
                                 " scrapes at once; scrape less often or raise --web.max-requests\n"),
            .headers = {{"Retry-After", "1"}}};
  }
  const formats::Format format = formats::NegotiateFormat(request.header("Accept"));
  ++scrapes_[static_cast<size_t>(format)];
  return RenderOnce(request, format);
}

http::HttpResponse MetricsHandler::RenderOnce(const http::HttpRequest& request, formats::Format format) {
  std::string key =
      absl::StrCat(static_cast<int>(format), formats::AcceptsGzip(request.header("Accept-Encoding")));
  for (const auto& [name, value] : request.query)
    absl::StrAppend(&key, name.size(), "=", name, value.size(), "=", value);

  std::promise<http::HttpResponse> mine;
  {
    std::unique_lock<std::mutex> lock(mutex_);
    const auto [other, first] = rendering_.try_emplace(key);
    if (!first) {
      const Answer answer = other->second;
      ++shared_;
      lock.unlock();
      return answer.get();
    }
    other->second = mine.get_future().share();
  }
  const auto done = [&] {
    const std::lock_guard<std::mutex> lock(mutex_);
    rendering_.erase(key);
  };
  try {
    http::HttpResponse response = Render(request, format);
    if (response.body.size() >= kSharedBytes)
      response.shared_body = std::make_shared<const std::string>(std::exchange(response.body, {}));
    mine.set_value(response);
    done();
    return response;
  } catch (...) {
    mine.set_exception(std::current_exception());
    done();
    throw;
  }
}

http::HttpResponse MetricsHandler::Render(const http::HttpRequest& request, formats::Format format) {
  auto families = registry_.Scrape(request.QueryValues("collect[]"), request.QueryValues("exclude[]"));
  if (!families.ok()) return {.status = 400, .body = absl::StrCat(families.status().message(), "\n")};
  if (options_.exporter_metrics) AddExporterMetrics(&*families);

  http::HttpResponse response{.content_type = std::string(formats::ContentType(format))};
  std::vector<std::string> dropped;
  formats::Serialize(format, *families, &response.body, &dropped);
  if (!dropped.empty()) {
    spdlog::warn("left out metric families with invalid names or samples: {}", absl::StrJoin(dropped, ", "));
  }
  response.headers["Vary"] = "Accept";
  http::GzipIfAccepted(request, &response);
  return response;
}

void MetricsHandler::AddExporterMetrics(collectors::Families* families) const {
  const base::BuildInfo build = base::GetBuildInfo();
  collectors::Family info = collectors::Family::Gauge("agent_exporter_build_info",
                                                      "Version, revision and compiler of the exporter.");
  info.Add({{"version", build.version}, {"revision", build.revision}, {"compiler", build.compiler}}, 1.0);
  collectors::Family reload =
      collectors::Family::Gauge("agent_exporter_config_last_reload_successful",
                                "1 if the last attempt to load the configuration succeeded.");
  reload.Add({}, reload_successful_ ? 1.0 : 0.0);
  collectors::Family scrapes =
      collectors::Family::Counter("agent_exporter_scrapes_total", "Scrapes answered, including this one.");
  scrapes.Add({{"format", "text"}}, scrapes_[static_cast<size_t>(formats::Format::kText)].load());
  scrapes.Add({{"format", "openmetrics"}},
              scrapes_[static_cast<size_t>(formats::Format::kOpenMetrics)].load());
  collectors::Family age = collectors::Family::Gauge(
      "agent_exporter_look_age_seconds", "How long ago the last look at processes that succeeded began.");
  if (options_.look_age) age.Add({}, options_.look_age());
  collectors::Family blocked = collectors::Family::Gauge(
      "agent_exporter_blocked_reads", "Reads that the kernel has not answered for a second or more.");
  blocked.Add({}, static_cast<double>(base::BoundedReads::Shared().hanging().count));
  for (prometheus::MetricFamily& family : collectors::Collected(info, reload, scrapes, age, blocked))
    families->push_back(std::move(family));
}

}  // namespace agent_exporter::serve
