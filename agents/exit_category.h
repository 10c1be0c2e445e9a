// Why an agent ended, as far as its exit status tells. The one precedence that counters, `run` and
// `diagnose-exit` share:
//
//   success > sigterm (SIGTERM, 143, or whatever we sent it ourselves) > oom-host (SIGKILL, 137)
//           > oom-heap (SIGABRT, 134) > plugin-error (1) > unknown (anything else)
//
// unobserved stands apart: nobody told how it ended (no events, and not our child), which is no category of
// its end.
//
// Thread safety: values and pure functions.

#ifndef AGENT_EXPORTER_AGENTS_EXIT_CATEGORY_H_
#define AGENT_EXPORTER_AGENTS_EXIT_CATEGORY_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/process.h"

namespace agent_exporter::agents {

enum class ExitCategory { kSuccess, kSigterm, kOomHost, kOomHeap, kPluginError, kUnknown, kUnobserved };

inline constexpr std::array kExitCategories = {
    ExitCategory::kSuccess,     ExitCategory::kSigterm, ExitCategory::kOomHost,   ExitCategory::kOomHeap,
    ExitCategory::kPluginError, ExitCategory::kUnknown, ExitCategory::kUnobserved};

// The label value: "success", "sigterm", "oom-host", …
std::string_view ExitCategoryName(ExitCategory category);

// `status` as wait(2) gives it, empty where nobody told. A code of 128 + n is a shell's way to pass signal n
// on and counts as that signal.
ExitCategory CategorizeExit(std::optional<int> status, bool self_killed);

// A status of wait(2) made of its parts.
constexpr int WaitStatusOfCode(int code) { return (code & 0xff) << 8; }
constexpr int WaitStatusOfSignal(int signal) { return signal & 0x7f; }

// What the kernel says about a SIGKILL: an OOM kill leaves a trace, somebody's kill -9 does not.
enum class OomVerdict { kConfirmed, kDenied, kUnclear };
std::string_view OomVerdictName(OomVerdict verdict);

struct OomFinding {
  OomVerdict verdict = OomVerdict::kUnclear;
  std::string evidence;  // what tells so, in a few words; empty where nothing does
};

// The end of one root.
struct RootExit {
  kernel::ProcessKey key;
  // Whose end it was: the agent's program that `key` wrapped. {}: `key` itself.
  kernel::ProcessKey program;
  std::string comm;           // raw bytes
  std::optional<int> status;  // as wait(2)
  bool self_killed = false;
  ExitCategory category = ExitCategory::kUnobserved;
  OomFinding oom;                   // looked for where category is kOomHost
  uint64_t max_resident_bytes = 0;  // peak, by the kernel; 0: not told
  double wall_seconds = 0;          // of the look that noticed
  bool news = true;                 // no tick before this one showed it
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_EXIT_CATEGORY_H_
