// Pressure stall information: how long tasks waited for a resource (kernel:
// Documentation/accounting/psi.rst).

#include "collectors/family.h"

namespace agent_exporter::collectors {

Families pressure(const agents::Observation& observation) {
  Family waiting = Family::Counter("agent_host_pressure_waiting_seconds_total",
                                   "Time in which some or all tasks waited for a resource.");
  for (const auto& [key, seconds] : observation.host.pressure) {
    waiting.Add({{"resource", key.first}, {"kind", key.second}}, seconds);
  }
  return Collected(waiting);
}

}  // namespace agent_exporter::collectors
