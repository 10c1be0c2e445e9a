// `agent_exporter doctor`: what works for this user on this host, what does not, and the one thing to do
// about each.
//
// Thread safety: pure functions but RunDoctor (exporter/commands.h).

#ifndef AGENT_EXPORTER_EXPORTER_DOCTOR_H_
#define AGENT_EXPORTER_EXPORTER_DOCTOR_H_

#include <string>
#include <vector>

#include "exporter/doctor_findings.h"

namespace agent_exporter::exporter {

// A line each: mark, subject, finding; what to do on a line of its own after "->".
std::string DoctorTable(const std::vector<Finding>& findings);

// {"findings": [{"mark", "subject", "finding", "advice"}]}, advice only where there is one.
std::string DoctorJson(const std::vector<Finding>& findings);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_DOCTOR_H_
