// CPU of processes that nobody saw die, from cutime alone.
//
// When a child is waited for, the kernel adds its user and system time, and what it had in cutime itself, to
// the parent's cutime/cstime (kernel/exit.c, wait_task_zombie). So CPU of children that lived and died
// between two looks shows as a rise of the parent's children time, together with CPU that was already counted
// while the child lived. The rise less what was already counted is new. Three things must not fool it:
//   - a child that was seen gone before its parent's rise was seen (the snapshot is not atomic): the debt is
//     kept for one more look;
//   - a child nobody waits for (SIGCHLD ignored): it never shows in cutime, so the debt lapses after that
//   look;
//   - ticks: /proc cuts children time to whole ticks, while a child's own may be exact, so of a debt that
//   lapses up to one tick stays owed: many small children would else count twice as the ticks fill up. What
//   is owed as user time may be paid as system time, since the split of a sum moves (kernel/sched/cputime.c).
//   A difference below zero counts as nothing, never as a step back.
//
// Thread safety: values and free functions.

#ifndef AGENT_EXPORTER_AGENTS_CPU_ACCOUNTING_H_
#define AGENT_EXPORTER_AGENTS_CPU_ACCOUNTING_H_

#include <cstdint>

#include "kernel/process.h"

namespace agent_exporter::agents {

// What the dead children of one parent had already been counted for and its cutime will show again.
class ReapDebt {
 public:
  // A child (with everything below it that died with it) is gone; `counted` is its last seen cpu +
  // children_cpu.
  void Owe(const kernel::CpuTimes& counted) { fresh_ += counted; }

  // The part of `rise`, more children time, that was not owed; what was owed counts as paid.
  kernel::CpuTimes Pay(const kernel::CpuTimes& rise);

  // The parent's children time rose by `rise` since the last look. Returns the part that is new, never
  // negative in either mode, and ages the debt: what stays unpaid for two looks is forgotten, but for a tick.
  kernel::CpuTimes Settle(const kernel::CpuTimes& rise);

 private:
  kernel::CpuTimes fresh_;  // owed since this look
  kernel::CpuTimes stale_;  // owed since the last look
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_CPU_ACCOUNTING_H_
