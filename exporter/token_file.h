// The file with the bearer token: --web.token-file, or "token" in the state directory.
//
// Thread safety: free functions that read the environment.

#ifndef AGENT_EXPORTER_EXPORTER_TOKEN_FILE_H_
#define AGENT_EXPORTER_EXPORTER_TOKEN_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "exporter/options.h"
#include "http/bearer_token.h"

namespace agent_exporter::exporter {

// Where the token is, or the reason why no place is known.
absl::StatusOr<std::string> TokenPath(const Options& options);

// For serve: loads the token, or makes one if there is none. *log_line says where it is. Without a state
// directory the protected routes refuse everybody, and everything else works. Only a bad --web.token-file is
// an error.
absl::StatusOr<http::BearerToken> LoadOrMakeToken(const Options& options, std::string* log_line);

// The token that serve made. The FailedPrecondition says how to find it.
absl::StatusOr<http::BearerToken> LoadToken(const Options& options);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_TOKEN_FILE_H_
