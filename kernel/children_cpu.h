// What the children of watched processes used, finer than /proc tells it. Private to kernel/; fed by
// kernel/netlink_events.h.
//
// cutime and cstime are each cut to whole ticks of 1/CLK_TCK s (nsec_to_clock_t, fs/proc/array.c), so up to
// two ticks of what a parent waited for do not show. What each child used is known from the record of its end
// (kernel/taskstats.h) to some 20 us, but such errors add up. So every parent has an estimate that moves by
// the records and is drawn to where the ticks put it, each by its doubt: a Kalman filter of one dimension.
// Ticks that were just read say "anywhere within two ticks from here", again and again, which weighs little
// against a program that never slept and much against one of which up to a scheduler tick is not known.
//
// Whatever the records say, or fail to say, the estimate never leaves those two ticks.
//
// Thread safety: none.

#ifndef AGENT_EXPORTER_KERNEL_CHILDREN_CPU_H_
#define AGENT_EXPORTER_KERNEL_CHILDREN_CPU_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "kernel/process.h"

namespace agent_exporter::kernel {

// A process that ended and will be waited for.
struct EndedChild {
  pid_t pid = 0;
  double used_ns = 0;
  double doubt_ns = 0;  // standard deviation of that
};

class ChildrenCpu {
 public:
  // tick_ns: what cutime is cut to. exists(pid): whether there still is such a process, be it a zombie.
  ChildrenCpu(int64_t tick_ns, std::function<bool(pid_t)> exists);

  // `child` of `parent` ended; what it had waited for itself goes to `parent` with it. `from_birth`: whatever
  // ended below `parent` was told. Else what ended before its next Refine is part of the ticks seen there.
  void Ended(pid_t parent, bool from_birth, const EndedChild& child);

  // `pid` ended and nobody waits for it: all that it had waited for itself; empty where that is not known. It
  // is forgotten, as it must be when nobody told what it used.
  std::optional<CpuTimes> TakeAll(pid_t pid);

  // To be called before ticks are read: whoever is waited for by now is in them.
  void BeforeTicks();

  // Parents whose ticks are worth reading now: their children used a tick's worth since they last counted.
  std::vector<pid_t> Due() const;

  // What the children of `pid` used, in total as exact as can be, by mode to two ticks; never falls while
  // children end. `ticks` were read since BeforeTicks; `unsettled`: a child ended since then, which they may
  // hold or not. For a process none of whose children was told to end yet: the middle of what `ticks` may
  // mean, or `ticks` where its first is being told.
  CpuTimes Refine(pid_t pid, const CpuTimes& ticks, bool unsettled);

 private:
  struct Account {
    bool based = false;  // `estimate` counts from birth or from ticks
    double estimate = 0;
    double variance = 0;  // of the estimate, in ns^2
    double moved = 0;     // by whom was waited for since ticks were last weighed
    CpuTimes told;
    std::vector<EndedChild> zombies;  // when last asked
  };

  // Takes `pid`'s account out, with whom it waited for until its end.
  std::optional<Account> Close(pid_t pid);
  void TakeWaitedFor(Account& account) const;
  CpuTimes Middle(const CpuTimes& ticks) const;
  void Weigh(double least, Account& account) const;

  const double tick_;
  const double ticks_variance_;
  const std::function<bool(pid_t)> exists_;
  absl::flat_hash_map<pid_t, Account> accounts_;  // of parents
};

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_CHILDREN_CPU_H_
