// Live processes on the whole host, counted by exact name, for the names in the configuration.

#include "base/label_value.h"
#include "collectors/family.h"

namespace agent_exporter::collectors {

Families named_processes(const agents::Observation& observation) {
  Family count = Family::Gauge("agent_host_named_processes",
                               "Live processes on the host with this name (comm), as of the last full scan.");
  for (const auto& [name, live] : observation.host.named_processes) {
    count.Add({{"name", base::LabelValue(name)}}, live);
  }
  return Collected(count);
}

}  // namespace agent_exporter::collectors
