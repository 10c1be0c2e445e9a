#include "exporter/token_file.h"

#include "absl/strings/str_cat.h"
#include "base/state_directory.h"

namespace agent_exporter::exporter {
namespace {

constexpr char kInStateDirectory[] = "/token";

}  // namespace

absl::StatusOr<http::BearerToken> MakeToken(const Options& options, std::string* told) {
  if (!options.token_file.empty()) {
    *told = absl::StrCat("bearer token read from ", options.token_file);
    return http::BearerToken::Load(options.token_file);
  }
  const auto directory = base::OwnStateDirectory();
  absl::Status status = directory.status();
  if (status.ok()) {
    const std::string path = *directory + kInStateDirectory;
    auto token = http::BearerToken::LoadOrMake(path);
    *told = absl::StrCat("the bearer token for all routes but the metrics is in ", path);
    if (token.ok()) return token;
    status = token.status();
  }
  *told = absl::StrCat("no bearer token, so only the metrics can be read: ", status.message(),
                       "; name a file with --web.token-file");
  return http::BearerToken();
}

absl::StatusOr<http::BearerToken> FindToken(const Options& options) {
  std::string path = options.token_file;
  if (path.empty()) {
    auto directory = base::StateDirectory(base::SystemStateEnvironment());
    if (!directory.ok()) return directory.status();
    path = *directory + kInStateDirectory;
  }
  auto token = http::BearerToken::Load(path);
  if (token.ok()) return token;
  return absl::FailedPreconditionError(
      absl::StrCat(token.status().message(),
                   "; the exporter makes it at its first start and names it in its log: give that file with "
                   "--web.token-file"));
}

}  // namespace agent_exporter::exporter
