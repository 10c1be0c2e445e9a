// The CPU of processes whose end we did not see, from cutime alone.
//
// When a child is waited for, the kernel adds its user and system time, and what it had in cutime itself, to
// the parent's cutime/cstime (kernel/exit.c, wait_task_zombie). So CPU of children that lived and died
// between two looks shows as a rise of the parent's children time, together with CPU that was already counted
// while the child lived. The rise less what was already counted is new. Three cases need care:
//   - A child may be gone before its parent's rise shows, because the snapshot is not atomic. We keep the
//   debt
//     for one more sample.
//   - A child that nobody waits for (SIGCHLD ignored) never shows in cutime. The debt lapses after that
//   sample.
//   - /proc cuts children time to whole ticks, while a child's own may be exact. Up to one tick of a lapsed
//   debt
//     therefore stays owed; otherwise many small children would count twice as the ticks fill up. User time
//     that is owed may be paid as system time, since the split of a sum moves (kernel/sched/cputime.c).
//   A difference below zero counts as nothing, never as a step back.
//
// Thread safety: values and free functions.

#ifndef AGENT_EXPORTER_AGENTS_CPU_ACCOUNTING_H_
#define AGENT_EXPORTER_AGENTS_CPU_ACCOUNTING_H_

#include <cstdint>

#include "kernel/process.h"

namespace agent_exporter::agents {

// CPU of one parent's dead children that is already counted, and that the parent's cutime will show again.
class ReapDebt {
 public:
  // A child (with everything below it that died with it) is gone; `counted` is its last seen cpu +
  // children_cpu.
  void Owe(const kernel::CpuTimes& counted) { fresh_ += counted; }

  // Pays the debt from `rise`, the new children time. Returns the rest.
  kernel::CpuTimes Pay(const kernel::CpuTimes& rise);

  // The parent's children time rose by `rise` since the last sample. Returns the part that is new, never
  // negative in either mode, and ages the debt: what is unpaid after two samples is forgotten, except for one
  // tick.
  kernel::CpuTimes Settle(const kernel::CpuTimes& rise);

 private:
  kernel::CpuTimes fresh_;  // owed since this sample
  kernel::CpuTimes stale_;  // owed since the last sample
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_CPU_ACCOUNTING_H_
