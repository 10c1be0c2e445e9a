// Fuzz target: the attributes of a taskstats message.

#include <string_view>

#include "fuzz/targets.h"
#include "kernel/taskstats.h"

namespace agent_exporter::fuzz {

void FuzzTaskstats(std::string_view data) {
  if (const auto end = kernel::ParseTaskEnd(data)) {
    kernel::ExitWork work;
    Require(work.Of(*end, end->lived_ns) >= 0, "a process worked for less than nothing");
  }
}

}  // namespace agent_exporter::fuzz
