// Users and passwords of --web.config.file: HTTP basic authentication against bcrypt hashes.
//
// bcrypt is slow by design, and Prometheus comes every few seconds: what was verified once is remembered by a
// keyed hash of the header, never the header itself. Few wrong passwords are verified at once, so that
// guessing costs the guesser time and not the host its cores.
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

// True for what crypt(3) knows as bcrypt: $2a$, $2b$ or $2y$, a cost of 04 to 31, 53 characters.
bool IsBcryptHash(std::string_view text);

class BasicAuth {
 public:
  enum class Verdict { kYes, kNo, kBusy };

  // Names and bcrypt hashes.
  explicit BasicAuth(std::map<std::string, std::string> users);

  // False: there are no users, so nobody is asked.
  bool enabled() const;

  // Of the value of an Authorization header. An unknown user costs as much as a wrong password. kBusy: too
  // many are being verified now.
  Verdict Check(std::string_view authorization);

  // From now on these; what was remembered is forgotten.
  void SetUsers(std::map<std::string, std::string> users);

  // Passwords that were hashed so far, for tests and the bench.
  uint64_t hashed() const { return hashed_; }

 private:
  std::string Fingerprint(std::string_view header, std::string_view hash) const;

  const std::string secret_;  // random, of this object
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
