// Says why a task ended: to the operator, to the end user, and as JSON (spec.md D).
//
// The facts are the exit status, what the kernel says about OOM kills, the last figures seen from outside,
// and the task's own last words. agents/exit_category.h holds the precedence of categories.
//
// Thread safety: values and pure functions.

#ifndef AGENT_EXPORTER_RUN_DIAGNOSIS_H_
#define AGENT_EXPORTER_RUN_DIAGNOSIS_H_

#include <sys/types.h>

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "agents/exit_category.h"
#include "run/flight_record.h"

namespace agent_exporter::run {

// What the task reported about itself, if its parent passes that on.
struct InProcessSample {
  std::optional<uint64_t> resident_bytes;
  std::optional<uint64_t> heap_used_bytes;
  std::optional<uint64_t> heap_limit_bytes;
};

// The last figures seen from outside.
struct ExternalSample {
  std::optional<uint64_t> resident_bytes;
  std::optional<double> cpu_ratio;  // 1.0 = one full core
  std::optional<double> age_seconds;
};

struct Diagnosis {
  agents::ExitCategory category = agents::ExitCategory::kUnobserved;
  std::optional<int> status;  // as wait(2)
  bool self_killed = false;   // by a signal that was sent on purpose
  agents::OomFinding oom;
  ExternalSample external;
  InProcessSample in_process;
  std::optional<FlightRecord> record;
  uint64_t peak_resident_bytes = 0;       // from the kernel; 0: unknown
  bool stderr_known = false;              // false: it was not captured
  std::vector<std::string> stderr_lines;  // the last useful ones
  std::string heap_line;                  // V8's line about its last collection (HeapLine); empty: none

  std::string agent, kind, slot;
  pid_t pid = 0;
  std::string command;  // as started
  std::optional<double> lifetime_seconds;
};

// Fills in category and, from `record`, external.
void Complete(Diagnosis* diagnosis);

// Whether somebody should look at it: not a success, not requested, not unobserved.
bool IsAbnormal(agents::ExitCategory category);

// "exit code 3", "signal 9 (SIGKILL)", "exit code 137 (128 + SIGKILL)".
std::string HowItEnded(std::optional<int> status);

// One paragraph with the sample lines in the order the category asks for.
std::string OperatorText(const Diagnosis& diagnosis);

enum class Language { kEnglish, kFrench };
// What happened, what to do, and the last external sample; for a plugin-error also the program's last words.
std::string EndUserText(const Diagnosis& diagnosis, Language language);

// OperatorText, then limits, growth, the table of the last minutes, peaks and stderr, each on its own lines.
std::string Report(const Diagnosis& diagnosis);

// One line for a log.
std::string LogLine(const Diagnosis& diagnosis);

nlohmann::json DiagnosisToJson(const Diagnosis& diagnosis);

}  // namespace agent_exporter::run

#endif  // AGENT_EXPORTER_RUN_DIAGNOSIS_H_
