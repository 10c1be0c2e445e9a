#include "hooks/http_url.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "http/url_decode.h"

namespace agent_exporter::hooks {
namespace {

bool ConsumePrefix(std::string_view* text, std::string_view prefix) {
  if (!absl::StartsWithIgnoreCase({text->data(), text->size()}, {prefix.data(), prefix.size()})) return false;
  text->remove_prefix(prefix.size());
  return true;
}

}  // namespace

absl::StatusOr<HttpUrl> ParseHttpUrl(std::string_view url) {
  HttpUrl parts;
  if (ConsumePrefix(&url, "https://")) {
    parts.tls = true;
  } else if (!ConsumePrefix(&url, "http://")) {
    return absl::InvalidArgumentError("the URL must start with http:// or https://");
  }
  url = url.substr(0, url.find('#'));
  std::string_view authority = url.substr(0, url.find_first_of("/?"));
  parts.target = url.substr(authority.size());
  if (!parts.target.starts_with('/')) parts.target.insert(0, "/");

  if (const size_t at = authority.rfind('@'); at != std::string_view::npos) {
    absl::StatusOr<std::string> user = http::DecodePath(authority.substr(0, at));
    if (!user.ok()) return user.status();
    parts.user = *std::move(user);
    authority.remove_prefix(at + 1);
  }
  parts.authority = authority;
  parts.port = parts.tls ? "443" : "80";
  const size_t colon = authority.rfind(':');
  if (colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos) {
    if (colon + 1 < authority.size()) parts.port = authority.substr(colon + 1);
    authority = authority.substr(0, colon);
  }
  if (authority.starts_with('[') && authority.ends_with(']')) {
    authority = authority.substr(1, authority.size() - 2);
  }
  parts.host = authority;
  if (parts.host.empty()) return absl::InvalidArgumentError("the URL has no host");
  return parts;
}

}  // namespace agent_exporter::hooks
