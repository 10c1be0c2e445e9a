// Why an agent ended, from its exit status and the kernel's OOM counters. Counters, `run` and
// `diagnose-exit` share this one precedence:
//
//   success > sigterm (SIGTERM, 143, or a SIGKILL we sent ourselves)
//           > killed (SIGKILL or 137, and the kernel counted no OOM kill)
//           > oom-host (SIGKILL or 137: an OOM kill, confirmed or not ruled out)
//           > oom-heap (SIGABRT, 134) > plugin-error (1) > unknown (anything else)
//
// unobserved is outside this order: we did not see how the agent ended (no events, not our child).
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

// Whether a SIGKILL was an OOM kill: the kernel counts OOM kills, but not a kill -9.
enum class OomVerdict { kConfirmed, kDenied, kUnclear };
std::string_view OomVerdictName(OomVerdict verdict);

// `status` is as wait(2) returns it, or empty if unknown. Exit code 128 + n counts as signal n, which is how
// shells report it. `self_killed`: its parent sent or forwarded the signal on purpose. This explains SIGKILL
// and the signals of a terminal (SIGINT, SIGQUIT, SIGHUP), but not a crash or an error code.
ExitCategory CategorizeExit(std::optional<int> status, bool self_killed, OomVerdict oom);

struct OomFinding {
  OomVerdict verdict = OomVerdict::kUnclear;
  std::string evidence;  // the reason for the verdict, in a few words; may be empty
};

// The end of one root.
struct RootExit {
  kernel::ProcessKey key;
  // The process whose end decided: the agent's program below the wrapper `key`. {}: `key` itself.
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
