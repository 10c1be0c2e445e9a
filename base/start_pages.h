// Gives back the memory that only starting up needed.
//
// Half of what an exporter holds after its start is code and tables that ran once: argument and YAML parsing,
// patterns compiled, libraries' own initialisation. The kernel keeps them mapped for as long as memory is
// plenty, and so they count as resident memory.
//
// Thread safety: call from any thread; others may run meanwhile.

#ifndef AGENT_EXPORTER_BASE_START_PAGES_H_
#define AGENT_EXPORTER_BASE_START_PAGES_H_

namespace agent_exporter::base {

// Drops every page of the program's and its libraries' files that nobody wrote to (MADV_DONTNEED,
// madvise(2)), and the heap's free end. What is needed again is mapped again from the page cache, a minor
// fault for 64 KiB. Call once everything has started. A mapping of which a page was written to (relocated, or
// with a breakpoint) stays as it is; where /proc/self/smaps cannot be read, all do.
void GiveBackStartPages();

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_START_PAGES_H_
