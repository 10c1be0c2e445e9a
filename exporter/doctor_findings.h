// What `agent_exporter doctor` makes of what it read: for each subject whether it works, what was found, and
// the one thing to do about it.
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
  std::string advice;  // empty where there is nothing to do
};

// One finding per subject, the one that serving hangs on first.
std::vector<Finding> Judge(const DoctorFacts& facts);

// The set after "CapEff:" in the text of a status file (proc(5)); InvalidArgument if it is not there as the
// kernel writes it.
absl::StatusOr<uint64_t> ParseEffectiveCapabilities(std::string_view status);

// The super options of the topmost procfs mounted at `path`, by the text of mountinfo; empty where there is
// none.
std::optional<std::string> ProcMountOptions(std::string_view mountinfo, std::string_view path);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_DOCTOR_FINDINGS_H_
