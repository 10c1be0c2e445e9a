#include "http/web_access.h"

#include <string>

namespace agent_exporter::http {
std::optional<HttpResponse> WebAccess::Refuse(const HttpRequest& request) {
  if (!basic_.enabled()) return std::nullopt;
  const std::string authorization = request.header("Authorization");
  if (const auto shown = TokenInHeader(authorization); shown && token_.Matches(*shown)) return std::nullopt;
  switch (basic_.Check(authorization)) {
    case BasicAuth::Verdict::kYes:
      return std::nullopt;
    case BasicAuth::Verdict::kBusy:
      return HttpResponse{.status = 503,
                          .body = "too many passwords are being verified; try again\n",
                          .headers = {{"Retry-After", "1"}}};
    case BasicAuth::Verdict::kNo:
      break;
  }
  return HttpResponse{.status = 401,
                      .body = "a user and a password of --web.config.file are needed\n",
                      .headers = {{"WWW-Authenticate", "Basic realm=\"agent_exporter\""}}};
}

}  // namespace agent_exporter::http
