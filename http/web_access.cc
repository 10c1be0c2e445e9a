#include "http/web_access.h"

#include <string_view>

#include "absl/strings/match.h"

namespace agent_exporter::http {
namespace {

bool ShowsToken(std::string_view authorization, const BearerToken& token) {
  constexpr std::string_view kScheme = "bearer ";
  return authorization.size() > kScheme.size() &&
         absl::EqualsIgnoreCase({authorization.data(), kScheme.size()}, {kScheme.data(), kScheme.size()}) &&
         token.Matches(authorization.substr(kScheme.size()));
}

}  // namespace

std::optional<HttpResponse> WebAccess::Refuse(const HttpRequest& request) {
  if (!basic_.enabled()) return std::nullopt;
  const std::string authorization = request.header("Authorization");
  if (ShowsToken(authorization, token_)) return std::nullopt;
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
