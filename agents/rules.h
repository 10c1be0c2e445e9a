// Match rules: which processes are agents, and their names.
//
// A rule matches if all its conditions hold (AND); a condition with several values holds if any of them
// matches (OR). Rules are tried in order, the configuration's before the built-in profiles; the first match
// names the agent.
//
// Thread safety: RuleSet is immutable, so any thread may read it.

#ifndef AGENT_EXPORTER_AGENTS_RULES_H_
#define AGENT_EXPORTER_AGENTS_RULES_H_

#include <sys/types.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agents/adoption.h"
#include "agents/match_reason.h"  // IWYU pragma: export
#include "agents/process_facts.h"
#include "base/label_value.h"  // IWYU pragma: export

namespace agent_exporter::agents {

enum class Scope {
  kTree,     // the process and everything below it
  kProcess,  // the process alone
};

// The conditions of a match. Empty ones are not checked.
struct MatchConditions {
  std::vector<std::string> comm;     // exact; the kernel keeps 15 bytes
  std::vector<std::string> argv0;    // base/path_pattern.h, or all of argv[0]
  std::vector<std::string> exe;      // base/path_pattern.h, of /proc/<pid>/exe
  std::vector<std::string> script;   // the same for the script, as in argv or as its symlink's target, with
                                     // its extension (.js .py .sh …) or not
  std::vector<std::string> package;  // agents/package_name.h, of the script, exe or argv[0]; may hold "*"
  std::string args;     // RE2, searched in what follows the program or its script, one word a line
  std::string cmdline;  // RE2, searched in argv joined by single spaces
  std::vector<std::string> environ;  // "NAME" or "NAME=VALUE", which may hold "*"
  std::vector<std::string> pidfile;  // paths; matches the pid the file holds now
  std::vector<std::string> user;     // names or numeric ids
  std::vector<std::string> cgroup;   // exact path or an ancestor's, as in /proc/<pid>/cgroup
  std::vector<std::string> unit;     // the innermost systemd unit, "name.service" or without its suffix

  friend bool operator==(const MatchConditions&, const MatchConditions&) = default;
};

// A rule: all its conditions must hold.
struct Rule : MatchConditions {
  // Templates over {comm} {exe} {script} {user} {pid} {cwd} and the cmdline's captures {1} or {name}
  // (agents/rule_template.h). If the name comes out empty, comm is used.
  std::string name;
  std::string kind;
  std::string slot;
  Scope scope = Scope::kTree;

  MatchConditions except;  // none of these may hold ("not" in YAML)
  Adoption adopt;          // only if name, kind and slot are not templates

  // The agent's log file, which shows rate limits, and expressions by kind that replace the default ones
  // (ledger/rate_limit_log.h).
  std::string rate_limit_log;
  std::map<std::string, std::string> rate_limit_patterns;

  // "agents.yaml:12" or "built-in profile codex": for `explain` and error messages.
  std::string origin;
  bool built_in = false;

  friend bool operator==(const Rule&, const Rule&) = default;
};

// Equal for rules with the same text, wherever they are. Identifies a rule across a restart.
uint64_t RuleFingerprint(const Rule& rule);

// The result of a match.
struct Match {
  std::string agent;  // label value: valid UTF-8, at most 128 bytes
  std::string kind;
  std::string slot;
  Scope scope = Scope::kTree;
  size_t rule = 0;         // index into RuleSet::rules()
  bool own_rule = false;   // by a rule of the configuration, not a built-in profile
  bool by_program = true;  // the rule says what the process runs, not only where it belongs (user, unit, …)
  std::shared_ptr<const MatchReason> reason;  // never null if made by RuleSet
};

// The verdict of one rule on one process, for `explain`.
struct RuleVerdict {
  size_t rule = 0;
  bool matched = false;
  // How close it came: how many of its conditions hold, and how many of those by a name.
  size_t met = 0, named = 0;
  // What the failed conditions saw and require, or `matched: comm is "codex"`.
  std::string reason;
};

// If no rule matched, the rule that came closest: the one with the most matching names. Null if one matched,
// or if none has a matching name.
const RuleVerdict* Nearest(const std::vector<RuleVerdict>& verdicts);

class RuleSet {
 public:
  // Compiles the rules. InvalidArgument names the rule's origin, what is wrong and what to do (a bad regular
  // expression, a template with an unknown field, a rule without any condition, an unknown user).
  static absl::StatusOr<RuleSet> Make(std::vector<Rule> rules);
  RuleSet(RuleSet&&) noexcept;
  RuleSet& operator=(RuleSet&&) noexcept;
  ~RuleSet();

  const std::vector<Rule>& rules() const;
  // The pids in the rules' pidfiles now. They change without an execve, so the tracker reads them at every
  // sample.
  std::vector<pid_t> PidfilePids() const;

  std::optional<Match> Find(ProcessFacts& facts) const;
  // The agent that adopts a process because of its environment, or of the tmux pane it runs in.
  std::optional<Match> Adopter(ProcessFacts& facts) const;
  std::optional<Match> Adopter(const SessionPane& pane) const;
  std::vector<RuleVerdict> Explain(ProcessFacts& facts) const;

 private:
  struct Impl;
  explicit RuleSet(std::unique_ptr<Impl> impl);
  Match AdoptedBy(size_t rule, std::string what) const;
  std::unique_ptr<Impl> impl_;
};

// The built-in profiles (agents/profiles.yaml, compiled in), as rules.
std::vector<Rule> BuiltInRules();

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_RULES_H_
