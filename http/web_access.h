// Who may ask at all, by the passwords of --web.config.file: in front of every route.
//
// Besides a user's password the bearer token opens the door, since a request carries only one of the two and
// routes behind the token ask for it again; a password alone does not open those.
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

  // An HttpGuard: 401 for who shows neither, 503 when too many passwords are being verified. Without users
  // everybody may ask.
  std::optional<HttpResponse> Refuse(const HttpRequest& request);

  void SetUsers(std::map<std::string, std::string> users) { basic_.SetUsers(std::move(users)); }

 private:
  BasicAuth basic_;
  const BearerToken& token_;
};

}  // namespace agent_exporter::http

#endif  // AGENT_EXPORTER_HTTP_WEB_ACCESS_H_
