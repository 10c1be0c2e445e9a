// Readable names for sessions. Each root of an agent is one session; all of a host's Claudes are one agent,
// and their names tell them apart: the session's own name or the last part of its working directory ("proj",
// then "proj-2"), never an id that nobody recognises.
//
// A session keeps its name until it ends; then the name is free. Where names are given oldest first, a
// restart of the exporter gives the same ones again.
//
// Thread safety: none.

#ifndef AGENT_EXPORTER_SESSIONS_SESSION_NAMES_H_
#define AGENT_EXPORTER_SESSIONS_SESSION_NAMES_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "kernel/process.h"

namespace agent_exporter::sessions {

class SessionNames {
 public:
  // At most this many names at once, since they become labels; the rest are called "other".
  static constexpr size_t kMost = 50;

  // The name that `root` has, or null.
  const std::string* Find(const kernel::ProcessKey& root) const;

  // Gives `root`, which has none, a name like `wish`, which may be a path; names are unique within `agent`.
  // Where nobody can read `wish` (empty, "/", an id) it is the agent's name.
  const std::string& Give(const kernel::ProcessKey& root, const std::string& agent, std::string_view wish);

  // Ended; anybody else is passed over.
  void Forget(const kernel::ProcessKey& root);

 private:
  struct Session {
    std::string agent;
    std::string name;
  };
  bool Taken(const Session& session) const;

  absl::flat_hash_map<kernel::ProcessKey, Session> sessions_;  // a few dozen
};

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_SESSION_NAMES_H_
