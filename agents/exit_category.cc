#include "agents/exit_category.h"

#include <signal.h>
#include <sys/wait.h>

namespace agent_exporter::agents {

std::string_view ExitCategoryName(ExitCategory category) {
  constexpr std::array<std::string_view, 7> kNames = {"success",      "sigterm", "oom-host",  "oom-heap",
                                                      "plugin-error", "unknown", "unobserved"};
  return kNames[static_cast<size_t>(category)];
}

std::string_view OomVerdictName(OomVerdict verdict) {
  constexpr std::array<std::string_view, 3> kNames = {"confirmed", "denied", "unclear"};
  return kNames[static_cast<size_t>(verdict)];
}

ExitCategory CategorizeExit(std::optional<int> status, bool self_killed) {
  if (!status) return ExitCategory::kUnobserved;
  const bool signalled = WIFSIGNALED(*status);
  if (!signalled && WEXITSTATUS(*status) == 0) return ExitCategory::kSuccess;
  const auto by = [&](int signal) {
    return signalled ? WTERMSIG(*status) == signal : WEXITSTATUS(*status) == 128 + signal;
  };
  if (by(SIGTERM) || self_killed) return ExitCategory::kSigterm;
  if (by(SIGKILL)) return ExitCategory::kOomHost;
  if (by(SIGABRT)) return ExitCategory::kOomHeap;
  if (!signalled && WEXITSTATUS(*status) == 1) return ExitCategory::kPluginError;
  return ExitCategory::kUnknown;
}

}  // namespace agent_exporter::agents
