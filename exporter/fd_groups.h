// The descriptors of a process, grouped by kind and by what they lead to, for `agent_exporter fds`.
//
// Thread safety: pure functions and values.

#ifndef AGENT_EXPORTER_EXPORTER_FD_GROUPS_H_
#define AGENT_EXPORTER_EXPORTER_FD_GROUPS_H_

#include <sys/types.h>

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "kernel/descriptor_kinds.h"
#include "kernel/socket_ends.h"

namespace agent_exporter::exporter {

// Which processes hold which pipes and sockets, by link: "pipe:[123]".
using HoldersByLink = absl::flat_hash_map<std::string, std::set<pid_t>>;

struct FdGroup {
  kernel::DescriptorKind kind = kernel::DescriptorKind::kOther;
  std::string
      target;  // raw bytes: a path, "to 10.0.0.1:443", "to git (pid 7)"; "" where the kind says it all
  size_t count = 0;
};

// What the grouping may know beside the descriptors themselves.
struct FdContext {
  HoldersByLink holders;
  std::map<pid_t, std::string> names;  // "git (pid 7)"
  kernel::SocketEnds sockets;
};

// The largest first.
std::vector<FdGroup> GroupFds(pid_t pid, const kernel::OpenDescriptors& open, const FdContext& context);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_FD_GROUPS_H_
