// GET /metrics: the top of a scrape's path. Then come Registry (serve/registry.h), the collectors and the
// formats.
//
// Scrapes that ask for the same while one of them is being answered share that answer, so memory does not
// grow with the number of clients. It is freed when the last of them is sent.
//
// Thread safety: Handle may be called from any number of threads.

#ifndef AGENT_EXPORTER_SERVE_METRICS_HANDLER_H_
#define AGENT_EXPORTER_SERVE_METRICS_HANDLER_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "formats/formats.h"
#include "http/http_server.h"
#include "serve/registry.h"

namespace agent_exporter::serve {

class MetricsHandler {
 public:
  struct Options {
    int max_requests = 40;  // 0: no limit
    bool exporter_metrics = true;
    std::function<std::optional<double>()> look_age;  // in seconds: Sampler::AgeSeconds
  };

  // `registry` must outlive this.
  MetricsHandler(Options options, Registry& registry) : options_(std::move(options)), registry_(registry) {}

  http::HttpResponse Handle(const http::HttpRequest& request);

  // Scrapes that have waited for the answer of another.
  int shared() const { return shared_; }

  // Shown as agent_exporter_config_last_reload_successful.
  void SetReloadSuccessful(bool successful) { reload_successful_ = successful; }

 private:
  using Answer = std::shared_future<http::HttpResponse>;

  http::HttpResponse Render(const http::HttpRequest& request, formats::Format format);
  http::HttpResponse RenderOnce(const http::HttpRequest& request, formats::Format format);
  void AddExporterMetrics(collectors::Families* families) const;

  Options options_;
  Registry& registry_;
  std::atomic<int> in_flight_{0};
  std::atomic<int> shared_{0};
  std::mutex mutex_;
  std::map<std::string, Answer> rendering_;  // by what was asked for
  std::atomic<bool> reload_successful_{true};
  std::array<std::atomic<uint64_t>, 2> scrapes_{};  // by Format
};

}  // namespace agent_exporter::serve

#endif  // AGENT_EXPORTER_SERVE_METRICS_HANDLER_H_
