#include "base/start_pages.h"

#include <malloc.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agent_exporter::base {
namespace {

struct Mapping {
  uintptr_t begin = 0;
  uintptr_t end = 0;
  // A private, read-only mapping of a file in which this process has written no page. Shared mappings do not
  // count: one may be kernel memory (a BPF ring), whose contents would be lost.
  bool clean_file = false;
};

// "7f00-7f10 r-xp 00000000 fd:00 123    /usr/lib/libz.so": address, rights, offset, device, inode, name
// (proc(5), maps).
std::optional<Mapping> ParseMapping(const std::string& line) {
  unsigned long begin = 0;
  unsigned long end = 0;
  unsigned long inode = 0;
  char rights[5] = "";
  if (sscanf(line.c_str(), "%lx-%lx %4s %*x %*x:%*x %lu", &begin, &end, rights, &inode) != 4)
    return std::nullopt;
  return Mapping{begin, end, inode != 0 && rights[1] == '-' && rights[3] == 'p'};
}

// True if the line counts pages that were written to, in memory or in swap.
bool IsOwnMemory(std::string_view line) {
  return (line.starts_with("Anonymous:") || line.starts_with("Swap:")) && !line.ends_with(" 0 kB");
}

// Reads the whole file before anything is dropped, because dropping pages changes it.
std::vector<Mapping> CleanFileMappings() {
  std::vector<Mapping> mappings;
  std::ifstream smaps("/proc/self/smaps");
  std::string line;
  while (std::getline(smaps, line)) {
    if (const auto mapping = ParseMapping(line)) {
      mappings.push_back(*mapping);
    } else if (!mappings.empty() && IsOwnMemory(line)) {
      mappings.back().clean_file = false;
    }
  }
  std::erase_if(mappings, [](const Mapping& mapping) { return !mapping.clean_file; });
  return mappings;
}

}  // namespace

void GiveBackStartPages() {
  malloc_trim(0);
  for (const Mapping& mapping : CleanFileMappings()) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel prints addresses as text
    madvise(reinterpret_cast<void*>(mapping.begin), mapping.end - mapping.begin, MADV_DONTNEED);
  }
}

}  // namespace agent_exporter::base
