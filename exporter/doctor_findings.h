// Turns the facts that `agent_exporter doctor` read into findings: for each subject, whether it works, what
// was found, and how to fix it.
//
// Thread safety: pure functions.

#ifndef AGENT_EXPORTER_EXPORTER_DOCTOR_FINDINGS_H_
#define AGENT_EXPORTER_EXPORTER_DOCTOR_FINDINGS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "exporter/doctor_facts.h"

namespace agent_exporter::exporter {

struct Finding {
  enum class Mark { kOk, kPartly, kNo };
  Mark mark = Mark::kOk;
  std::string subject;
  std::string finding;
  std::string advice;  // empty if there is nothing to do
};

// One finding per subject. procfs comes first, because `serve` cannot run without it.
std::vector<Finding> MakeFindings(const DoctorFacts& facts);

// The capability set after "CapEff:" in a status file (proc(5)). InvalidArgument if it is missing or
// malformed.
absl::StatusOr<uint64_t> ParseEffectiveCapabilities(std::string_view status);

// The super options of the topmost procfs that mountinfo lists at `path`; empty if there is none.
std::optional<std::string> ProcMountOptions(std::string_view mountinfo, std::string_view path);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_DOCTOR_FINDINGS_H_
