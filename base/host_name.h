// The name of this host.
//
// Thread safety: a free function without state.

#ifndef AGENT_EXPORTER_BASE_HOST_NAME_H_
#define AGENT_EXPORTER_BASE_HOST_NAME_H_

#include <string>

namespace agent_exporter::base {

// As uname(2) has it: in a container, the container's. Empty if it is unknown.
std::string HostName();

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_HOST_NAME_H_
