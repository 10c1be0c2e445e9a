// The heap limit at which a node process aborts, long before its control group or its host is full.
//
// Node takes it from --max-old-space-size (MiB) in its arguments, else in NODE_OPTIONS, else from the memory
// there is: half of it, but at most 4 GiB, or 2 GiB below 15 GiB of memory (V8's
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
  std::optional<uint64_t> given_bytes;  // by its arguments or its environment
};

// `program`: path or name of what it runs. Empty for what is not node.
std::optional<V8Heap> V8HeapOf(std::string_view program, const std::vector<std::string>& arguments,
                               const std::vector<std::string>& environment);
// The same for a live process. Reads nothing of processes whose name says that they are not node, unless they
// are roots: those may have given themselves another name.
std::optional<V8Heap> ReadV8Heap(kernel::ProcessFiles& files, const ProcessSample& process);

// What node takes where nothing is given; `memory_bytes`: the host's, or of a tighter control group.
uint64_t DefaultV8HeapBytes(uint64_t memory_bytes);

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_V8_HEAP_H_
