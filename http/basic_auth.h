// HTTP basic authentication against the bcrypt hashes in --web.config.file.
//
// bcrypt is slow by design, and Prometheus sends its password every few seconds. So results are cached, under
// a keyed hash of the header, never the header itself. Passwords are verified one at a time, and only a few
// may wait, so that guessing costs the attacker time and not the host its cores.
//
// Thread safety: safe to call from any number of threads.

#ifndef AGENT_EXPORTER_HTTP_BASIC_AUTH_H_
#define AGENT_EXPORTER_HTTP_BASIC_AUTH_H_

#include <atomic>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace agent_exporter::http {

// True for a bcrypt hash as crypt(3) understands it: $2a$, $2b$ or $2y$, a cost from 04 to 31, then 53
// characters.
bool IsBcryptHash(std::string_view text);

class BasicAuth {
 public:
  enum class Verdict { kYes, kNo, kBusy };

  // Maps user names to bcrypt hashes.
  explicit BasicAuth(std::map<std::string, std::string> users);

  // False if there are no users: authentication is off.
  bool enabled() const;

  // Checks the value of an Authorization header. An unknown user takes as long as a wrong password. kBusy:
  // too many passwords are waiting to be verified.
  Verdict Check(std::string_view authorization);

  // Replaces the users and clears the cache.
  void SetUsers(std::map<std::string, std::string> users);

  // How many passwords have been hashed, for tests and the bench.
  uint64_t hashed() const { return hashed_; }

 private:
  std::string Fingerprint(std::string_view header, std::string_view hash) const;

  const std::string secret_;  // random key for fingerprints
  mutable std::mutex mutex_;
  std::map<std::string, std::string> users_;
  std::string decoy_;                     // hash for unknown users
  std::map<std::string, bool> verdicts_;  // by fingerprint
  std::mutex hashing_;                    // one password at a time
  std::atomic<int> waiting_{0};
  std::atomic<uint64_t> hashed_{0};
};

}  // namespace agent_exporter::http

#endif  // AGENT_EXPORTER_HTTP_BASIC_AUTH_H_
