// `agent_exporter doctor`: says what works for this user on this host, what does not, and how to fix it.
//
// Thread safety: pure functions, except RunDoctor (exporter/commands.h).

#ifndef AGENT_EXPORTER_EXPORTER_DOCTOR_H_
#define AGENT_EXPORTER_EXPORTER_DOCTOR_H_

#include <string>
#include <vector>

#include "exporter/doctor_findings.h"

namespace agent_exporter::exporter {

// One line per finding: mark, subject, finding. Advice follows on its own line after "->".
std::string DoctorTable(const std::vector<Finding>& findings);

// {"findings": [{"mark", "subject", "finding", "advice"}]}; "advice" is left out if there is none.
std::string DoctorJson(const std::vector<Finding>& findings);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_DOCTOR_H_
