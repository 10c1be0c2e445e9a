// Reads of what kind the descriptors of agents are that are short of them: one of their processes uses more
// than half of its limit, or their descriptors leak. Of all others nothing is read.
//
// Cost: at most 2,000 links a look, of 2 to 3 us each. The fullest process comes first.
//
// Thread safety: none; the thread that reads calls it.

#ifndef AGENT_EXPORTER_AGENTS_DESCRIPTOR_LOOK_H_
#define AGENT_EXPORTER_AGENTS_DESCRIPTOR_LOOK_H_

#include "agents/observation.h"
#include "kernel/process_files.h"

namespace agent_exporter::agents {

inline constexpr size_t kLinksALook = 2000;

// Fills in `descriptors` of their processes. It stays null where they cannot be read (counted in
// `unreadable`) and of processes after the 2,000th link. Of a process that alone has more, the lowest ones
// are looked at.
void LookAtDescriptors(kernel::ProcessFiles& files, Observation& observation);

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_DESCRIPTOR_LOOK_H_
