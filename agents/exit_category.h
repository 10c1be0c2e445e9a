// Why an agent ended, as far as its exit status and the kernel's OOM counters tell. Counters, `run` and
// `diagnose-exit` share this one precedence:
//
//   success > sigterm (SIGTERM, 143, or a SIGKILL we sent ourselves)
//           > killed (SIGKILL or 137 that the kernel says was no OOM kill)
//           > oom-host (SIGKILL or 137: a confirmed OOM kill, or nobody can tell)
//           > oom-heap (SIGABRT, 134) > plugin-error (1) > unknown (anything else)
//
// unobserved is no such category: it means that nobody saw how the agent ended (no events, not our child).
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

enum class ExitCategory {
  kSuccess,
  kSigterm,
  kKilled,
  kOomHost,
  kOomHeap,
  kPluginError,
  kUnknown,
  kUnobserved
};

inline constexpr std::array kExitCategories = {
    ExitCategory::kSuccess, ExitCategory::kSigterm,     ExitCategory::kKilled,  ExitCategory::kOomHost,
    ExitCategory::kOomHeap, ExitCategory::kPluginError, ExitCategory::kUnknown, ExitCategory::kUnobserved};

// The label value: "success", "sigterm", "oom-host", …
std::string_view ExitCategoryName(ExitCategory category);

// A status of wait(2) made of its parts.
constexpr int WaitStatusOfCode(int code) { return (code & 0xff) << 8; }
constexpr int WaitStatusOfSignal(int signal) { return signal & 0x7f; }

// What the kernel says about a SIGKILL: an OOM kill leaves a trace, somebody's kill -9 does not.
enum class OomVerdict { kConfirmed, kDenied, kUnclear };
std::string_view OomVerdictName(OomVerdict verdict);

// `status` as wait(2) gives it, empty where nobody saw it. A code of 128 + n is how a shell passes on signal
// n and counts as that signal. `self_killed`: its parent sent the signal on purpose, or passed it on. That
// explains SIGKILL and what a terminal sends (SIGINT, SIGQUIT, SIGHUP), not a crash or an error code.
ExitCategory CategorizeExit(std::optional<int> status, bool self_killed, OomVerdict oom);

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
  OomFinding oom;                   // only for SIGKILL
  uint64_t max_resident_bytes = 0;  // peak, by the kernel; 0: not told
  double wall_seconds = 0;          // of the look that noticed
  bool news = true;                 // no tick before this one showed it
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_EXIT_CATEGORY_H_
