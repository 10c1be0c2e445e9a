#include "http/bearer_token.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <spdlog/spdlog.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "base/descriptor.h"

namespace agent_exporter::http {
namespace {

constexpr size_t kRandomBytes = 32;
constexpr size_t kMinLength = 16;
constexpr size_t kMaxFileBytes = 4096;

absl::Status Failed(std::string_view what, const std::string& path, int error) {
  return absl::FailedPreconditionError(
      fmt::format("cannot {} the token file {}: {}", what, path, std::strerror(error)));
}

// Creates the file atomically: writes a temporary file, then links it to its name. If the name exists by
// then, that file stays.
absl::Status MakeFile(const std::string& path) {
  std::array<unsigned char, kRandomBytes> random = {};
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    return Failed("get random bytes for", path, errno);
  }
  std::string line;
  for (const unsigned char byte : random) line += fmt::format("{:02x}", byte);
  line += '\n';

  std::string beside = path + ".XXXXXX";
  const base::Descriptor file(mkostemp(beside.data(), O_CLOEXEC));  // mode 0600, O_EXCL
  if (!file.ok()) return Failed("create", path, errno);
  int error = 0;
  if (write(file.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()) ||
      fsync(file.get()) != 0) {
    error = errno != 0 ? errno : ENOSPC;
  } else if (link(beside.c_str(), path.c_str()) != 0 && errno != EEXIST) {
    error = errno;
  }
  unlink(beside.c_str());
  return error == 0 ? absl::OkStatus() : Failed("write", path, error);
}

}  // namespace

std::optional<std::string> TokenInHeader(const std::string& authorization) {
  constexpr std::string_view kScheme = "Bearer ";
  if (!absl::StartsWithIgnoreCase(authorization, "Bearer ")) return std::nullopt;
  std::string_view token = std::string_view(authorization).substr(kScheme.size());
  while (token.starts_with(' ')) token.remove_prefix(1);
  while (token.ends_with(' ')) token.remove_suffix(1);
  if (token.empty()) return std::nullopt;
  return std::string(token);
}

absl::StatusOr<BearerToken> BearerToken::Load(const std::string& path) {
  // O_NONBLOCK, because the path may name a FIFO.
  const base::Descriptor file(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!file.ok()) {
    const std::string message = fmt::format("cannot read the token file {}: {}", path, std::strerror(errno));
    return errno == ENOENT ? absl::NotFoundError(message) : absl::FailedPreconditionError(message);
  }
  struct stat about = {};
  if (fstat(file.get(), &about) != 0) return Failed("read", path, errno);
  if (!S_ISREG(about.st_mode)) {
    return absl::FailedPreconditionError(fmt::format("the token file {} is not a regular file", path));
  }
  std::string text(kMaxFileBytes, '\0');
  const ssize_t got = read(file.get(), text.data(), text.size());
  if (got < 0) return Failed("read", path, errno);
  text.resize(static_cast<size_t>(got));
  while (!text.empty() && absl::ascii_isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
  const bool visible = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (text.size() < kMinLength || text.size() >= kMaxFileBytes - 1 || !visible) {
    return absl::FailedPreconditionError(
        fmt::format("the token file {} must contain one line of at least {} visible ASCII characters; write "
                    "such a line or remove the file",
                    path, kMinLength));
  }
  if ((about.st_mode & (S_IRGRP | S_IROTH)) != 0) {
    spdlog::warn("other users may read the token file {}; run chmod 600 on it", path);
  }
  return BearerToken(std::move(text));
}

absl::StatusOr<BearerToken> BearerToken::LoadOrMake(const std::string& path) {
  auto loaded = Load(path);
  if (loaded.ok() || !absl::IsNotFound(loaded.status())) return loaded;
  if (absl::Status status = MakeFile(path); !status.ok()) return status;
  return Load(path);
}

bool BearerToken::Matches(std::string_view candidate) const {
  // The length is not secret: all tokens that this program creates have the same.
  return !text_.empty() && candidate.size() == text_.size() &&
         CRYPTO_memcmp(candidate.data(), text_.data(), text_.size()) == 0;
}

HttpHandler Guarded(const BearerToken& token, HttpHandler handler) {
  return [&token, handler = std::move(handler)](const HttpRequest& request) {
    const std::optional<std::string> candidate = TokenInHeader(request.header("Authorization"));
    if (!candidate) {
      return HttpResponse{.status = 401,
                          .body = "this route needs the header \"Authorization: Bearer TOKEN\"\n",
                          .headers = {{"WWW-Authenticate", "Bearer realm=\"agent_exporter\""}}};
    }
    if (!token.Matches(*candidate)) return HttpResponse{.status = 403, .body = "wrong token\n"};
    return handler(request);
  };
}

}  // namespace agent_exporter::http
