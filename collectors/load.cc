// Load averages of the host.

#include "collectors/family.h"

namespace agent_exporter::collectors {

Families load(const agents::Observation& observation) {
  Family load1 = Family::Gauge("agent_host_load1", "Load average over 1 minute.");
  Family load5 = Family::Gauge("agent_host_load5", "Load average over 5 minutes.");
  Family load15 = Family::Gauge("agent_host_load15", "Load average over 15 minutes.");
  if (const auto& load = observation.host.load) {
    load1.Add({}, load->average[0]);
    load5.Add({}, load->average[1]);
    load15.Add({}, load->average[2]);
  }
  return Collected(load1, load5, load15);
}

}  // namespace agent_exporter::collectors
