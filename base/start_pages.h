// Returns memory to the kernel that was needed only at start-up.
//
// Half of the exporter's resident memory after start-up is code and tables that it used once: parsing of
// arguments and YAML, compiling patterns, initialising libraries. The kernel keeps these pages mapped while
// it has enough memory.
//
// Thread safety: call from any thread; others may run meanwhile.

#ifndef AGENT_EXPORTER_BASE_START_PAGES_H_
#define AGENT_EXPORTER_BASE_START_PAGES_H_

namespace agent_exporter::base {

// Drops the clean pages of the program and its libraries (MADV_DONTNEED, madvise(2)), and the free end of the
// heap. If a page is needed again, a minor fault maps it (64 KiB at a time) from the page cache. Call this
// once everything has started. A mapping with a written page (relocations, breakpoints) is left alone. If
// /proc/self/smaps cannot be read, no mapping is dropped.
void GiveBackStartPages();

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_START_PAGES_H_
