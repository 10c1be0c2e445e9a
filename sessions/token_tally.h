// Counts the tokens of a session's messages, each message once: agents write a message again while it grows,
// and copy it into other files.
//
// Memory: 8 bytes a message; a message that comes again after many others is a copy and does not count.
//
// Thread safety: none.

#ifndef AGENT_EXPORTER_SESSIONS_TOKEN_TALLY_H_
#define AGENT_EXPORTER_SESSIONS_TOKEN_TALLY_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "sessions/session.h"

namespace agent_exporter::sessions {

class TokenTally {
 public:
  // What was written before `count_from` (seconds since the epoch) is not fresh.
  explicit TokenTally(double count_from) : count_from_(count_from) {}

  // A message with its counts, which replace those it had. Without an id it counts as a message of its own.
  void Add(std::string_view id, const std::string& model, const TokenCounts& counts, double written);

  const TokenCounts& total() const { return total_; }
  TokensByModel TakeFresh() { return std::exchange(fresh_, {}); }

  // Another file, or the same from its start: the total begins anew. What was fresh once is not fresh again.
  void Restart();

 private:
  struct Recent {
    uint64_t id;
    TokenCounts counts;
  };
  const double count_from_;
  TokenCounts total_;
  TokensByModel fresh_;
  std::deque<Recent> recent_;  // that may still grow
  absl::flat_hash_set<uint64_t> counted_;
  absl::flat_hash_set<uint64_t> counted_before_;  // the last restart
};

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_TOKEN_TALLY_H_
