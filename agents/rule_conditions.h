// The conditions of a match rule, one small object each: does it hold for this process, and what did it see?
//
// Ownership: a rule owns its conditions; CmdlineCondition borrows the rule's expression.
// Thread safety: immutable after they were made. A pidfile is read at every call.

#ifndef AGENT_EXPORTER_AGENTS_RULE_CONDITIONS_H_
#define AGENT_EXPORTER_AGENTS_RULE_CONDITIONS_H_

#include <re2/re2.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agents/match_context.h"

namespace agent_exporter::agents {

struct Rule;

class Condition {
 public:
  virtual ~Condition() = default;
  virtual bool Holds(MatchContext& context) const = 0;
  // What this process shows, in printable ASCII: `comm is "bash"`.
  virtual std::string Saw(MatchContext& context) const = 0;
  // Why it holds, in words that anybody who may see the process may read: without its command line.
  virtual std::string Why(MatchContext& context) const { return Saw(context); }
  // What the rule asks for: `codex` or `one of codex, codex.js`.
  virtual std::string Wants() const = 0;
};

// The conditions of `rule`, those that cost the fewest reads first. `cmdline` is its compiled expression, or
// null where it has none, and must outlive them. InvalidArgument says what is wrong and what to do; an empty
// result: the rule has none.
absl::StatusOr<std::vector<std::unique_ptr<Condition>>> MakeConditions(const Rule& rule,
                                                                       const re2::RE2* cmdline);

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_RULE_CONDITIONS_H_
