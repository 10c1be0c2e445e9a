#include "exporter/gzip_response.h"

#include <string>
#include <utility>

#include "exporter/formats.h"

namespace agent_exporter {

void GzipIfAccepted(const HttpRequest& request, HttpResponse* response) {
  std::string& vary = response->headers["Vary"];
  vary += vary.empty() ? "Accept-Encoding" : ", Accept-Encoding";
  if (!AcceptsGzip(request.header("Accept-Encoding"))) return;
  if (std::string zipped = Gzip(response->body); !zipped.empty()) {
    response->body = std::move(zipped);
    response->headers["Content-Encoding"] = "gzip";
  }
}

}  // namespace agent_exporter
