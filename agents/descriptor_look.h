// Reads of what kind the descriptors of agents are that are short of them: one of their processes uses more
// than half of its limit, or their descriptors leak. Of all others nothing is read.
//
// Cost: at most 2,000 links a tick, of 2 to 3 us each, and none between ticks. If there are more, the next
// ticks go on where this one stopped, so a table of 20,000 takes ten ticks.
//
// Thread safety: none; the thread that reads calls it.

#ifndef AGENT_EXPORTER_AGENTS_DESCRIPTOR_LOOK_H_
#define AGENT_EXPORTER_AGENTS_DESCRIPTOR_LOOK_H_

#include <cstdint>
#include <map>
#include <memory>

#include "agents/observation.h"
#include "kernel/process_files.h"

namespace agent_exporter::agents {

inline constexpr size_t kLinksATick = 2000;

class DescriptorLook {
 public:
  // Fills in `descriptors` of their processes. It stays null where they cannot be read (counted in
  // `unreadable`) and until their turn comes; until a table has been read to its end for the first time, its
  // lowest descriptors are told. Between two ticks it only fills in what the last tick knew.
  void Look(kernel::ProcessFiles& files, bool tick, Observation& observation);

 private:
  struct Table {
    std::shared_ptr<const kernel::DescriptorKinds> kinds;  // as of the last end, or so far
    kernel::DescriptorKinds counted;                       // of the round that is under way
    int next_fd = 0;
    uint64_t ended = 0;   // the tick in which it was last read to its end; 0: never
    uint64_t wanted = 0;  // the last tick in which its agent was short
  };

  // The links that it read.
  size_t Read(kernel::ProcessFiles& files, const kernel::ProcessKey& key, size_t most, Table& table,
              kernel::Unreadable& unreadable) const;

  uint64_t tick_ = 0;
  std::map<kernel::ProcessKey, Table> tables_;  // of those that are short
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_DESCRIPTOR_LOOK_H_
