// Who may hand over a process under which name. Anybody on the host may connect to the slot socket, and an
// agent that somebody else adds under a configured name would hide that the real one is down.
//
// Thread safety: safe to call from any thread.

#ifndef AGENT_EXPORTER_RUN_NAME_CLAIMS_H_
#define AGENT_EXPORTER_RUN_NAME_CLAIMS_H_

#include <sys/types.h>

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agents/rules.h"

namespace agent_exporter::run {

// Root and the user that serve runs as: they could do worse than fill its tables.
bool IsTrustedUser(uid_t uid);

class NameClaims {
 public:
  // The rules that name agents now, the built-in profiles among them.
  void SetRules(const std::vector<agents::Rule>& rules);

  // PermissionDenied if `name` is the exporter's own ("other", "agent_exporter"), or if the rules that use it
  // are for other users. A rule that asks for a unit, a cgroup or a pidfile and for no user is for no
  // ordinary user; one that asks for none of these is for everybody, as any user can start such a program.
  absl::Status Check(const std::string& name, uid_t uid) const;

 private:
  // The users that one rule is for.
  struct Claim {
    bool all = false;
    std::set<uid_t> some, except;
  };

  mutable std::mutex mutex_;
  std::multimap<std::string, Claim> claims_;  // by the name of an agent
};

}  // namespace agent_exporter::run

#endif  // AGENT_EXPORTER_RUN_NAME_CLAIMS_H_
