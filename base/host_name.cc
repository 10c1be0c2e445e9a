#include "base/host_name.h"

#include <sys/utsname.h>

namespace agent_exporter::base {

std::string HostName() {
  utsname name{};
  return ::uname(&name) == 0 ? name.nodename : "";
}

}  // namespace agent_exporter::base
