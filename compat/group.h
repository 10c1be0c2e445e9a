// A group of processes as process-exporter shows it, and what its members used.
//
// Thread safety: values.

#ifndef AGENT_EXPORTER_COMPAT_GROUP_H_
#define AGENT_EXPORTER_COMPAT_GROUP_H_

#include <array>
#include <cstdint>
#include <optional>

#include "agents/complete_sum.h"
#include "kernel/process.h"

namespace agent_exporter::compat {

// What a process has used so far. An empty optional could not be read.
struct Counts {
  kernel::CpuTimes cpu;
  uint64_t minor_faults = 0, major_faults = 0;
  std::optional<uint64_t> read_bytes, write_bytes;
  std::optional<uint64_t> voluntary_switches, involuntary_switches;

  // Adds the increase from `before` to `now`. A figure that fell (threads have ended) adds nothing.
  void AddRise(const Counts& now, const Counts& before);
};

struct Group {
  // Now.
  uint64_t processes = 0, threads = 0;
  agents::CompleteSum resident, virtual_size, swapped, open_fds;
  agents::CompleteSum proportional, proportional_swapped;
  double worst_fd_ratio = 0;
  bool fd_ratio_known = true;
  std::optional<double> oldest_start;  // seconds since the epoch; empty: no member
  std::array<uint64_t, 5> states{};    // of threads, by kernel::ThreadFigures::StateIndex

  // Since the exporter started.
  Counts total;
  uint64_t empty_since = 0;  // the number of the look that found no member; 0: it has some

  // Clears what is "now".
  void BeginLook();
};

}  // namespace agent_exporter::compat

#endif  // AGENT_EXPORTER_COMPAT_GROUP_H_
