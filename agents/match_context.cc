#include "agents/match_context.h"

#include "absl/strings/str_join.h"

namespace agent_exporter::agents {

const std::string& MatchContext::Cmdline() {
  if (!cmdline_.has_value()) {
    const std::vector<std::string>& argv = facts_.argv();
    auto end = argv.end();
    while (end != argv.begin() && std::prev(end)->empty()) --end;
    cmdline_ = absl::StrJoin(argv.begin(), end, " ");
  }
  return *cmdline_;
}

const std::string& MatchContext::ScriptByArgv0() {
  if (!script_by_argv0_.has_value()) script_by_argv0_ = ScriptPath(facts_.argv(), "");
  return *script_by_argv0_;
}

const std::string& MatchContext::Script() {
  if (!script_.has_value()) {
    script_ = ScriptByArgv0();
    if (script_->empty() && facts_.argv().size() > 1) script_ = ScriptPath(facts_.argv(), facts_.exe());
  }
  return *script_;
}

const std::string& MatchContext::Unit() {
  if (!unit_.has_value()) unit_ = SystemdUnit(facts_.cgroup());
  return *unit_;
}

std::string MatchContext::UserName() {
  const std::optional<uid_t> uid = facts_.uid();
  return uid.has_value() ? users_.Name(*uid) : "";
}

}  // namespace agent_exporter::agents
