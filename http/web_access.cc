#include "http/web_access.h"

#include <string>

namespace agent_exporter::http {
std::optional<HttpResponse> WebAccess::Refuse(const HttpRequest& request) {
  if (!basic_.enabled()) return std::nullopt;
  const std::string authorization = request.header("Authorization");
  if (const auto token = TokenInHeader(authorization); token && token_.Matches(*token)) return std::nullopt;
  switch (basic_.Check(authorization)) {
    case BasicAuth::Verdict::kYes:
      return std::nullopt;
    case BasicAuth::Verdict::kBusy:
      return HttpResponse{.status = 503,
                          .body = "too many passwords are being verified; try again in a second\n",
                          .headers = {{"Retry-After", "1"}}};
    case BasicAuth::Verdict::kNo:
      break;
  }
  return HttpResponse{.status = 401,
                      .body = "this server needs a user name and password (see --web.config.file)\n",
                      .headers = {{"WWW-Authenticate", "Basic realm=\"agent_exporter\""}}};
}

}  // namespace agent_exporter::http
