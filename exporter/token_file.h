// Where the bearer token lies: the file of --web.token-file, else "token" in the state directory.
//
// Thread safety: free functions; the environment is read.

#ifndef AGENT_EXPORTER_EXPORTER_TOKEN_FILE_H_
#define AGENT_EXPORTER_EXPORTER_TOKEN_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "exporter/options.h"
#include "http/bearer_token.h"

namespace agent_exporter::exporter {

// For serve, which makes one where there is none, and in *told what the log should say of it. Without a place
// to keep one the guarded routes let nobody in and all else works: only a file that was asked for by name
// must be right.
absl::StatusOr<http::BearerToken> MakeToken(const Options& options, std::string* told);

// The one that serve made. FailedPrecondition says how to come by it.
absl::StatusOr<http::BearerToken> FindToken(const Options& options);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_TOKEN_FILE_H_
