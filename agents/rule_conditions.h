// The conditions of a match rule, one small object each: whether it holds for a process, and why.
//
// Ownership: a rule owns its conditions, which share its compiled expressions.
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

struct MatchConditions;
struct Rule;

class Condition {
 public:
  virtual ~Condition() = default;
  virtual bool Holds(MatchContext& context) const = 0;
  // Whether it holds because of a distinctive name; a shell's or node's own name is not.
  virtual bool NamesIt(MatchContext&) const { return false; }
  // This process' value, in printable ASCII: `comm is "bash"`.
  virtual std::string Saw(MatchContext& context) const = 0;
  // Why it holds, without the command line, so that anybody may read it.
  virtual std::string Why(MatchContext& context) const { return Saw(context); }
  // What the rule wants: `codex` or `one of codex, codex.js`.
  virtual std::string Wants() const = 0;
};

// The conditions of `rule`, those that cost the fewest reads first, and with "not" last. `cmdline` is its
// compiled expression, or null where it has none. InvalidArgument says what is wrong and what to do; an empty
// result: the rule has none.
absl::StatusOr<std::vector<std::unique_ptr<Condition>>> MakeConditions(
    const Rule& rule, std::shared_ptr<const re2::RE2> cmdline);

// A cmdline condition's expression; one that is empty is null.
absl::StatusOr<std::shared_ptr<const re2::RE2>> CompileCmdline(const std::string& pattern);

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_RULE_CONDITIONS_H_
