// The CPU of processes whose end we did not see, from cutime alone.
//
// When a parent waits for a child, the kernel adds the child's user and system time, and the child's own
// cutime and cstime, to the parent's cutime and cstime (kernel/exit.c, wait_task_zombie). So the parent's
// children time rises by the CPU of children that lived and died between two samples, and by CPU that we
// already counted while a child lived. The rise minus what we already counted is new. Three cases need care:
//   - A child may be gone before the parent's time rises, because the snapshot is not atomic. We keep the
//     debt for one more sample.
//   - A child that no parent waits for (SIGCHLD ignored) never shows in cutime. Its debt lapses after that
//     sample.
//   - /proc rounds children time down to ticks, while a child's own time may be exact. So up to one tick of a
//     lapsed debt stays owed; otherwise many small children would count twice as the ticks fill up. Owed user
//     time may be paid as system time, because the kernel changes the split (kernel/sched/cputime.c).
// A difference below zero counts as nothing, so counters never fall.
//
// Thread safety: values and free functions.

#ifndef AGENT_EXPORTER_AGENTS_CPU_ACCOUNTING_H_
#define AGENT_EXPORTER_AGENTS_CPU_ACCOUNTING_H_

#include <cstdint>

#include "kernel/process.h"

namespace agent_exporter::agents {

// CPU of a parent's ended children that is already counted and that the parent's cutime will show again.
class ReapDebt {
 public:
  // A child, with all processes below it that ended too, is gone; `counted` is its last seen cpu +
  // children_cpu.
  void Owe(const kernel::CpuTimes& counted) { fresh_ += counted; }

  // Pays the debt from `rise`, the new children time. Returns the rest.
  kernel::CpuTimes Pay(const kernel::CpuTimes& rise);

  // The parent's children time rose by `rise` since the last sample. Returns the part that is new, never
  // negative in either mode, and ages the debt: debt that is unpaid after two samples lapses, except for one
  // tick.
  kernel::CpuTimes Settle(const kernel::CpuTimes& rise);

 private:
  kernel::CpuTimes fresh_;  // owed since this sample
  kernel::CpuTimes stale_;  // owed since the last sample
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_CPU_ACCOUNTING_H_
