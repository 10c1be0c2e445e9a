#include "agents/exit_category.h"

#include <signal.h>
#include <sys/wait.h>

namespace agent_exporter::agents {

std::string_view ExitCategoryName(ExitCategory category) {
  constexpr std::array<std::string_view, 8> kNames = {"success",  "sigterm",      "killed",  "oom-host",
                                                      "oom-heap", "plugin-error", "unknown", "unobserved"};
  return kNames[static_cast<size_t>(category)];
}

std::string_view OomVerdictName(OomVerdict verdict) {
  constexpr std::array<std::string_view, 3> kNames = {"confirmed", "denied", "unclear"};
  return kNames[static_cast<size_t>(verdict)];
}

ExitCategory CategorizeExit(std::optional<int> status, bool self_killed, OomVerdict oom) {
  if (!status) return ExitCategory::kUnobserved;
  const bool signalled = WIFSIGNALED(*status);
  if (!signalled && WEXITSTATUS(*status) == 0) return ExitCategory::kSuccess;
  const auto by = [&](int signal) {
    return signalled ? WTERMSIG(*status) == signal : WEXITSTATUS(*status) == 128 + signal;
  };
  const bool on_purpose = by(SIGKILL) || by(SIGINT) || by(SIGQUIT) || by(SIGHUP);
  if (by(SIGTERM) || (self_killed && on_purpose)) return ExitCategory::kSigterm;
  if (by(SIGKILL)) return oom == OomVerdict::kDenied ? ExitCategory::kKilled : ExitCategory::kOomHost;
  if (by(SIGABRT)) return ExitCategory::kOomHeap;
  if (!signalled && WEXITSTATUS(*status) == 1) return ExitCategory::kPluginError;
  return ExitCategory::kUnknown;
}

}  // namespace agent_exporter::agents
