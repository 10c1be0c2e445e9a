// The least that a look at every process can cost: list /proc; open, read and close each pid's stat. Nothing
// is parsed and nothing kept.
//
//   bare_scan
//
// For every line on standard input one pass, answered by a line "PROCESSES CPU_NANOSECONDS": the caller sets
// the pace, so that the passes find the machine's caches as a scrape does.

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <string>

#include "base/descriptor.h"
#include "kernel/directory.h"

namespace {

using agent_exporter::base::Descriptor;

int64_t CpuNanos() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// Returns the number of processes, or -1.
int Pass(int proc, std::string* listing) {
  const Descriptor root(openat(proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.ok()) return -1;
  int processes = 0;
  const int error = agent_exporter::kernel::ForEachEntry(root.get(), listing, [&](const char* name) {
    if (*name < '1' || *name > '9') return;
    char path[64];
    std::snprintf(path, sizeof(path), "%s/stat", name);
    char text[4096];
    const Descriptor file(openat(proc, path, O_RDONLY | O_CLOEXEC));
    if (file.ok() && read(file.get(), text, sizeof(text)) > 0) ++processes;
  });
  return error == 0 ? processes : -1;
}

}  // namespace

int main() {
  const Descriptor proc(open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::string listing(64 << 10, '\0');
  for (int c = std::getchar(); c != EOF; c = std::getchar()) {
    if (c != '\n') continue;
    const int64_t before = CpuNanos();
    const int processes = Pass(proc.get(), &listing);
    const int64_t used = CpuNanos() - before;
    if (processes < 0) {
      std::fputs("bare_scan: cannot list /proc\n", stderr);
      return 1;
    }
    std::printf("%d %lld\n", processes, static_cast<long long>(used));
    std::fflush(stdout);
  }
}
