// The heap limit at which a node process aborts, usually long before its control group or host is full.
//
// Node takes it from --max-old-space-size (MiB) in its arguments, else in NODE_OPTIONS, else from the
// available memory: half of it, but at most 4 GiB, or 2 GiB if there is less than 15 GiB (V8's
// Heap::HeapSizeFromPhysicalMemory).
//
// Thread safety: free functions.

#ifndef AGENT_EXPORTER_AGENTS_V8_HEAP_H_
#define AGENT_EXPORTER_AGENTS_V8_HEAP_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agents/observation.h"
#include "kernel/process_files.h"

namespace agent_exporter::agents {

struct V8Heap {
  std::optional<uint64_t> given_bytes;  // set by its arguments or its environment
};

// `program`: path or name of its program. Empty if that is not node.
std::optional<V8Heap> V8HeapOf(std::string_view program, const std::vector<std::string>& arguments,
                               const std::vector<std::string>& environment);
// The same for a live process. Reads nothing if its name says that it is not node, unless it is a root, which
// may have changed its name.
std::optional<V8Heap> ReadV8Heap(kernel::ProcessFiles& files, const ProcessSample& process);

// Node's default; `memory_bytes`: memory of the host, or the limit of a tighter control group.
uint64_t DefaultV8HeapBytes(uint64_t memory_bytes);

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_V8_HEAP_H_
