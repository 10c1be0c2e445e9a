#include "http/gzip_response.h"

#include <string>
#include <utility>

#include "formats/formats.h"

namespace agent_exporter::http {

void GzipIfAccepted(const HttpRequest& request, HttpResponse* response) {
  std::string& vary = response->headers["Vary"];
  vary += vary.empty() ? "Accept-Encoding" : ", Accept-Encoding";
  if (!formats::AcceptsGzip(request.header("Accept-Encoding"))) return;
  if (std::string zipped = formats::Gzip(response->body); !zipped.empty()) {
    response->body = std::move(zipped);
    response->headers["Content-Encoding"] = "gzip";
  }
}

}  // namespace agent_exporter::http
