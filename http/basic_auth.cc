#include "http/basic_auth.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"

namespace agent_exporter::http {
namespace {

constexpr size_t kMaxVerdicts = 128;
// Passwords that may wait to be verified. Each holds a thread of the server.
constexpr int kMaxWaiting = 8;
// The hash to check for unknown users. It matches no password; its cost is exporter-toolkit's default.
constexpr char kDecoy[] = "$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";

struct Credentials {
  std::string user, password;
};

std::optional<Credentials> Decode(std::string_view authorization) {
  constexpr std::string_view kScheme = "basic ";
  if (authorization.size() < kScheme.size() ||
      !absl::EqualsIgnoreCase({authorization.data(), kScheme.size()}, {kScheme.data(), kScheme.size()}))
    return std::nullopt;
  authorization.remove_prefix(kScheme.size());
  std::string text;
  if (!absl::Base64Unescape({authorization.data(), authorization.size()}, &text)) return std::nullopt;
  const size_t colon = text.find(':');
  // crypt(3) would ignore everything after a NUL.
  if (colon == std::string::npos || text.find('\0') != std::string::npos) return std::nullopt;
  return Credentials{text.substr(0, colon), text.substr(colon + 1)};
}

bool SameText(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool Matches(const std::string& password, const std::string& hash) {
  const auto data = std::make_unique<crypt_data>();  // 32 KiB: not for a server thread's stack
  const char* result = crypt_r(password.c_str(), hash.c_str(), data.get());
  return result != nullptr && SameText(result, hash);
}

std::string RandomSecret() {
  std::string secret(32, '\0');
  // If this fails, the key is known, but fingerprints still do not contain the password.
  static_cast<void>(
      RAND_bytes(reinterpret_cast<unsigned char*>(secret.data()), static_cast<int>(secret.size())));
  return secret;
}

}  // namespace

bool IsBcryptHash(std::string_view text) {
  if (text.size() != 60 || text.substr(0, 2) != "$2" ||
      std::string_view("aby").find(text[2]) == std::string_view::npos || text[3] != '$' || text[6] != '$')
    return false;
  const std::string_view cost = text.substr(4, 2);
  if (cost < "04" || cost > "31" || !absl::ascii_isdigit(static_cast<unsigned char>(cost[1]))) return false;
  return std::all_of(text.begin() + 7, text.end(), [](char c) {
    return c == '.' || c == '/' || absl::ascii_isalnum(static_cast<unsigned char>(c));
  });
}

BasicAuth::BasicAuth(std::map<std::string, std::string> users)
    : secret_(RandomSecret()), users_(std::move(users)), decoy_(kDecoy) {}

bool BasicAuth::enabled() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return !users_.empty();
}

std::string BasicAuth::Fingerprint(std::string_view header, std::string_view hash) const {
  // Includes the hash, so that a changed password invalidates the cached result.
  const std::string text = std::string(hash).append(header);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size);
  return {reinterpret_cast<const char*>(digest), size};
}

BasicAuth::Verdict BasicAuth::Check(std::string_view authorization) {
  const std::optional<Credentials> credentials = Decode(authorization);
  if (!credentials) return Verdict::kNo;
  std::string hash;
  bool known = false;
  std::string fingerprint;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto user = users_.find(credentials->user);
    known = user != users_.end();
    hash = known ? user->second : decoy_;
    fingerprint = Fingerprint(authorization, hash);
    const auto verdict = verdicts_.find(fingerprint);
    if (verdict != verdicts_.end()) return verdict->second ? Verdict::kYes : Verdict::kNo;
  }
  bool matches = false;
  {
    if (++waiting_ > kMaxWaiting) {
      --waiting_;
      return Verdict::kBusy;
    }
    const std::lock_guard<std::mutex> turn(hashing_);
    ++hashed_;
    matches = Matches(credentials->password, hash) && known;
    --waiting_;
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  // Wrong passwords fill the cache, so drop those first. There are few right ones.
  if (verdicts_.size() >= kMaxVerdicts)
    std::erase_if(verdicts_, [](const auto& entry) { return !entry.second; });
  if (verdicts_.size() >= kMaxVerdicts) verdicts_.clear();
  verdicts_[fingerprint] = matches;
  return matches ? Verdict::kYes : Verdict::kNo;
}

void BasicAuth::SetUsers(std::map<std::string, std::string> users) {
  const std::lock_guard<std::mutex> lock(mutex_);
  users_ = std::move(users);
  verdicts_.clear();
}

}  // namespace agent_exporter::http
