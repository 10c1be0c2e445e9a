// rate_limit of the web configuration: how many requests are answered, of all clients together.
//
// Thread safety: safe to call from any number of threads.

#ifndef AGENT_EXPORTER_EXPORTER_REQUEST_LIMIT_H_
#define AGENT_EXPORTER_EXPORTER_REQUEST_LIMIT_H_

#include <chrono>
#include <mutex>
#include <optional>

#include "exporter/web_config.h"
#include "http/http_server.h"
#include "run/token_bucket.h"

namespace agent_exporter::exporter {

class RequestLimit {
 public:
  // Without `limit` every request passes.
  explicit RequestLimit(const std::optional<WebRateLimit>& limit) {
    if (limit) bucket_.emplace(1 / limit->interval_seconds, limit->burst);
  }

  // 429 for a request too many.
  std::optional<http::HttpResponse> Refuse() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!bucket_ || bucket_->Take(std::chrono::steady_clock::now())) return std::nullopt;
    return http::HttpResponse{.status = 429, .body = "too many requests (rate_limit in --web.config.file)\n"};
  }

 private:
  std::mutex mutex_;
  std::optional<run::TokenBucket> bucket_;
};

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_REQUEST_LIMIT_H_
