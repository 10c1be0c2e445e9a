// The conditions of a match rule. Each is a small object that checks whether it holds for a process, and says
// why.
//
// Ownership: a rule owns its conditions; they share ownership of its compiled expressions. Thread safety:
// immutable. A pidfile is read at every call.

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
  // Whether it holds because of a distinctive name; the name of a shell or of node is not distinctive.
  virtual bool NamesIt(MatchContext&) const { return false; }
  // This process' value, in printable ASCII: `comm is "bash"`.
  virtual std::string Saw(MatchContext& context) const = 0;
  // Why it holds, without the command line, so that it is safe to show to anyone.
  virtual std::string Why(MatchContext& context) const { return Saw(context); }
  // What the rule requires: `codex` or `one of codex, codex.js`.
  virtual std::string Wants() const = 0;
};

// The conditions of `rule`, the cheapest first and "not" last. `cmdline` is its compiled expression, or null
// if it has none. InvalidArgument says what is wrong and what to do. Empty if the rule has no conditions.
absl::StatusOr<std::vector<std::unique_ptr<Condition>>> MakeConditions(
    const Rule& rule, std::shared_ptr<const re2::RE2> cmdline);

// Compiles a cmdline condition's expression; null if it is empty.
absl::StatusOr<std::shared_ptr<const re2::RE2>> CompileCmdline(const std::string& pattern);

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_RULE_CONDITIONS_H_
