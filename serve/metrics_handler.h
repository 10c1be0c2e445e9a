// GET /metrics: the top of a scrape's path. Then come Scraper (serve/scrape.h), the collectors and the
// formats.
//
// Thread safety: Handle may be called from any number of threads.

#ifndef AGENT_EXPORTER_SERVE_METRICS_HANDLER_H_
#define AGENT_EXPORTER_SERVE_METRICS_HANDLER_H_

#include <array>
#include <atomic>
#include <cstdint>

#include "formats/formats.h"
#include "http/http_server.h"
#include "serve/scrape.h"

namespace agent_exporter::serve {

class MetricsHandler {
 public:
  struct Options {
    int max_requests = 40;  // 0: no limit
    bool exporter_metrics = true;
  };

  // `scraper` must outlive this.
  MetricsHandler(Options options, Scraper& scraper) : options_(options), scraper_(scraper) {}

  http::HttpResponse Handle(const http::HttpRequest& request);

  // Shown as agent_exporter_config_last_reload_successful.
  void SetReloadSuccessful(bool successful) { reload_successful_ = successful; }

 private:
  void AddExporterMetrics(collectors::Families* families) const;

  Options options_;
  Scraper& scraper_;
  std::atomic<int> in_flight_{0};
  std::atomic<bool> reload_successful_{true};
  std::array<std::atomic<uint64_t>, 2> scrapes_{};  // by Format
};

}  // namespace agent_exporter::serve

#endif  // AGENT_EXPORTER_SERVE_METRICS_HANDLER_H_
