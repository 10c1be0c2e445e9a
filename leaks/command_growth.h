// Which command's resident memory has grown most since a leak began: git's, or that of an MCP server.
//
// Remembers what each command held at a few times, the closer together the later: some 30 records for a day.
//
// Thread safety: none.

#ifndef AGENT_EXPORTER_LEAKS_COMMAND_GROWTH_H_
#define AGENT_EXPORTER_LEAKS_COMMAND_GROWTH_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agents/observation.h"

namespace agent_exporter::leaks {

class CommandGrowth {
 public:
  // The resident memory of the agent's processes by command, at `now` (seconds of CLOCK_BOOTTIME). Does
  // nothing more often than every ten seconds, or while a process' memory is unknown.
  void Add(double now, const agents::AgentSample& agent);

  // The command that grew most in the last `seconds`, and by how many bytes. Empty if none grew, or if
  // nothing is known of a time that long ago.
  std::optional<agents::GrownCommand> Most(double seconds) const;

 private:
  struct Record {
    double time = 0;
    std::map<std::string, uint64_t> resident_bytes;
  };
  std::vector<Record> records_;  // the oldest first; the last is of the last Add
};

}  // namespace agent_exporter::leaks

#endif  // AGENT_EXPORTER_LEAKS_COMMAND_GROWTH_H_
