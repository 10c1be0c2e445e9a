#include "exporter/token_file.h"

#include "absl/strings/str_cat.h"
#include "base/state_directory.h"

namespace agent_exporter::exporter {
namespace {

constexpr char kInStateDirectory[] = "/token";

}  // namespace

absl::StatusOr<std::string> TokenPath(const Options& options) {
  if (!options.token_file.empty()) return options.token_file;
  auto directory = base::StateDirectory(base::SystemStateEnvironment());
  if (!directory.ok()) return directory.status();
  return *directory + kInStateDirectory;
}

absl::StatusOr<http::BearerToken> LoadOrMakeToken(const Options& options, std::string* log_line) {
  if (!options.token_file.empty()) {
    *log_line = absl::StrCat("the bearer token is in ", options.token_file);
    return http::BearerToken::Load(options.token_file);
  }
  const auto directory = base::OwnStateDirectory();
  absl::Status status = directory.status();
  if (status.ok()) {
    const std::string path = *directory + kInStateDirectory;
    auto token = http::BearerToken::LoadOrMake(path);
    *log_line = absl::StrCat("the bearer token for all routes except the metrics is in ", path);
    if (token.ok()) return token;
    status = token.status();
  }
  *log_line = absl::StrCat("no bearer token, so only the metrics can be read: ", status.message(),
                           "; set a file with --web.token-file");
  return http::BearerToken();
}

absl::StatusOr<http::BearerToken> LoadToken(const Options& options) {
  const auto path = TokenPath(options);
  if (!path.ok()) return path.status();
  auto token = http::BearerToken::Load(*path);
  if (token.ok()) return token;
  return absl::FailedPreconditionError(
      absl::StrCat(token.status().message(),
                   "; the exporter creates this file at its first start and logs its path: set it with "
                   "--web.token-file"));
}

}  // namespace agent_exporter::exporter
