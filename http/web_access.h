// Guards every route with the passwords in --web.config.file.
//
// The bearer token is accepted instead of a password, because a request can carry only one of the two. Routes
// that need the token check it again; a password alone does not open them.
//
// Thread safety: safe to call from any number of threads.

#ifndef AGENT_EXPORTER_HTTP_WEB_ACCESS_H_
#define AGENT_EXPORTER_HTTP_WEB_ACCESS_H_

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "http/basic_auth.h"
#include "http/bearer_token.h"
#include "http/http_server.h"

namespace agent_exporter::http {

class WebAccess {
 public:
  // `token` must outlive this.
  WebAccess(std::map<std::string, std::string> users, const BearerToken& token)
      : basic_(std::move(users)), token_(token) {}

  // An HttpGuard: 401 for requests with neither, 503 if too many passwords are being verified. Without users
  // every request passes.
  std::optional<HttpResponse> Refuse(const HttpRequest& request);

  void SetUsers(std::map<std::string, std::string> users) { basic_.SetUsers(std::move(users)); }

 private:
  BasicAuth basic_;
  const BearerToken& token_;
};

}  // namespace agent_exporter::http

#endif  // AGENT_EXPORTER_HTTP_WEB_ACCESS_H_
