// The bearer token: requests with "Authorization: Bearer TOKEN" may read the routes that show more than
// /metrics.
//
// The token is in a file that only its owner may read. The first start creates it; each start reads it once.
// It is compared in constant time, so that response times reveal nothing about it.
//
// Thread safety: BearerToken is immutable. A guarded handler is as thread-safe as the handler it wraps.

#ifndef AGENT_EXPORTER_HTTP_BEARER_TOKEN_H_
#define AGENT_EXPORTER_HTTP_BEARER_TOKEN_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "http/http_server.h"

namespace agent_exporter::http {

class BearerToken {
 public:
  // Matches nothing. For a server that can neither read nor create a token file.
  BearerToken() = default;
  // For tests, and for a token that does not come from a file.
  explicit BearerToken(std::string text) : text_(std::move(text)) {}

  // Reads the token from `path`: one line of at least 16 visible ASCII characters. NotFound if there is no
  // file; otherwise FailedPrecondition, which names the file and what to do. If other users may read the
  // file, logs a warning but accepts it: secrets mounted into a container look like that.
  static absl::StatusOr<BearerToken> Load(const std::string& path);

  // As Load, but first creates a missing file, with mode 0600 and 32 random bytes in hexadecimal. If several
  // processes do this at once, one creates the file and all read the same token.
  static absl::StatusOr<BearerToken> LoadOrMake(const std::string& path);

  bool Matches(std::string_view candidate) const;
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// The token in an Authorization header. The scheme "Bearer" is case-insensitive (RFC 9110, 11.1). Empty for
// another scheme or no token.
std::optional<std::string> TokenInHeader(const std::string& authorization);

// Wraps `handler` so that it needs the token: 401 with WWW-Authenticate if the request has none, 403 if it is
// wrong. `token` must outlive the result.
HttpHandler Guarded(const BearerToken& token, HttpHandler handler);

}  // namespace agent_exporter::http

#endif  // AGENT_EXPORTER_HTTP_BEARER_TOKEN_H_
