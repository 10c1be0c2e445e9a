// The host's file handles against fs.file-max.

#include "collectors/family.h"

namespace agent_exporter::collectors {

Families host_fds(const agents::Observation& observation) {
  Family open = Family::Gauge("agent_host_open_fds", "File handles open on the host.");
  Family max = Family::Gauge("agent_host_max_fds", "Maximum number of file handles (fs.file-max).");
  open.Add({}, observation.host.open_fds);
  max.Add({}, observation.host.max_fds);
  return Collected(open, max);
}

}  // namespace agent_exporter::collectors
