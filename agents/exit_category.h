// Why an agent ended, from its exit status and the kernel's OOM counters. Counters, `run` and
// `diagnose-exit` share this one precedence:
//
//   success > sigterm (SIGTERM, 143, or a SIGKILL we sent ourselves)
//           > killed (SIGKILL or 137 that the kernel says was no OOM kill)
//           > oom-host (SIGKILL or 137: a confirmed OOM kill, or nobody can tell)
//           > oom-heap (SIGABRT, 134) > plugin-error (1) > unknown (anything else)
//
// unobserved is outside this order: nobody saw how the agent ended (no events, not our child).
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

// Builds a status as wait(2) returns it.
constexpr int WaitStatusOfCode(int code) { return (code & 0xff) << 8; }
constexpr int WaitStatusOfSignal(int signal) { return signal & 0x7f; }

// What the kernel says about a SIGKILL: an OOM kill leaves a trace, somebody's kill -9 does not.
enum class OomVerdict { kConfirmed, kDenied, kUnclear };
std::string_view OomVerdictName(OomVerdict verdict);

// `status` as wait(2) returns it, empty if nobody saw it. Exit code 128 + n is how a shell reports signal n
// and counts as that signal. `self_killed`: its parent sent or forwarded the signal on purpose. That explains
// SIGKILL and a terminal's signals (SIGINT, SIGQUIT, SIGHUP), but not a crash or an error code.
ExitCategory CategorizeExit(std::optional<int> status, bool self_killed, OomVerdict oom);

struct OomFinding {
  OomVerdict verdict = OomVerdict::kUnclear;
  std::string evidence;  // the reason for the verdict, in a few words; may be empty
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
  uint64_t max_resident_bytes = 0;  // peak, from the kernel; 0: unknown
  double wall_seconds = 0;          // of the sample that noticed it
  bool news = true;                 // first shown in this tick
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_EXIT_CATEGORY_H_
