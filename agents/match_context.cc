#include "agents/match_context.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "agents/package_name.h"

namespace agent_exporter::agents {

const std::string& MatchContext::Cmdline() {
  if (!cmdline_.has_value()) cmdline_ = absl::StrJoin(facts_.command_line().words, " ");
  return *cmdline_;
}

const ScriptCall& MatchContext::CallByArgv0() {
  if (!call_by_argv0_.has_value()) call_by_argv0_ = FindScript(facts_.argv(), "");
  return *call_by_argv0_;
}

const ScriptCall& MatchContext::Call() {
  if (!call_.has_value()) {
    call_ = CallByArgv0();
    if (call_->script.empty() && facts_.argv().size() > 1) call_ = FindScript(facts_.argv(), facts_.exe());
  }
  return *call_;
}

const std::string& MatchContext::ScriptByArgv0() { return CallByArgv0().script; }

const std::string& MatchContext::Script() { return Call().script; }

const std::string& MatchContext::ScriptTarget() {
  if (!script_target_.has_value()) {
    const std::string& script = Script();
    const bool command = StripScriptExtension(script).size() == script.size();
    script_target_ = command && !script.empty() ? facts_.FollowLinks(script) : script;
  }
  return *script_target_;
}

const std::string& MatchContext::Arguments() {
  if (!arguments_.has_value()) {
    arguments_ = "";
    const std::vector<std::string>& words = facts_.command_line().words;
    for (size_t i = Call().first_argument; i < words.size(); ++i) {
      absl::StrAppend(&*arguments_, absl::StrReplaceAll(words[i], {{"\n", " "}}), "\n");
    }
  }
  return *arguments_;
}

const std::string& MatchContext::Package() {
  if (!package_.has_value()) {
    const std::string& script = Script();
    package_ = PackageOfPath(script);
    if (package_->empty() && !script.empty()) package_ = PackageOfPath(ScriptTarget());
    if (script.empty()) {
      package_ = PackageOfPath(facts_.exe());
      if (package_->empty() && !facts_.argv().empty()) package_ = PackageOfPath(facts_.argv()[0]);
    }
  }
  return *package_;
}

const std::string& MatchContext::RunnerPackage() {
  if (!runner_package_.has_value()) {
    runner_package_ = RunnerTarget(facts_.argv(), Call().script, Call().first_argument);
  }
  return *runner_package_;
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
