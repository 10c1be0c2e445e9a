// The one secret of the HTTP server: whoever shows it in "Authorization: Bearer TOKEN" may read the routes
// that tell more than /metrics.
//
// It lies in a file that only its owner may read, is made on the first start and read once at each. Compared
// in constant time, so that answers do not give it away byte by byte.
//
// Thread safety: BearerToken is immutable after it was made; a guarded handler may be called from any thread
// that may call the handler within.

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
  // Without a token: Matches nothing. For a server that can neither read nor keep one.
  BearerToken() = default;
  // For tests, and for whoever has it from elsewhere.
  explicit BearerToken(std::string text) : text_(std::move(text)) {}

  // The token in the file at `path`: one line of at least 16 visible ASCII characters. FailedPrecondition
  // names the file and what to do. Others may read the file: a warning in the log, since secrets that are
  // mounted into a container look like that.
  static absl::StatusOr<BearerToken> Load(const std::string& path);

  // As Load; where there is no file, one with 32 random bytes in hexadecimal is made first, mode 0600. Of
  // several processes that do so at once one makes it and all read the same.
  static absl::StatusOr<BearerToken> LoadOrMake(const std::string& path);

  bool Matches(std::string_view candidate) const;
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// The token in an Authorization header, whose scheme may be written in any case (RFC 9110, 11.1). Empty for
// another scheme.
std::optional<std::string> TokenInHeader(const std::string& authorization);

// `handler` behind the token: 401 with WWW-Authenticate when the request carries none, 403 when it is wrong.
// The token must outlive the handler.
HttpHandler Guarded(const BearerToken& token, HttpHandler handler);

}  // namespace agent_exporter::http

#endif  // AGENT_EXPORTER_HTTP_BEARER_TOKEN_H_
