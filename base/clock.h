// The clock is an argument: nothing below main asks the system for the time, so tests can set it.
//
// Thread safety: a Clock is called from one thread at a time; SystemClock from any.

#ifndef AGENT_EXPORTER_BASE_CLOCK_H_
#define AGENT_EXPORTER_BASE_CLOCK_H_

#include <functional>

namespace agent_exporter::base {

// Seconds. Measure intervals with `monotonic`: wall clocks jump.
struct ClockReading {
  double wall = 0;       // CLOCK_REALTIME, since the epoch
  double monotonic = 0;  // CLOCK_MONOTONIC
  double boottime = 0;   // CLOCK_BOOTTIME: includes time in suspend, as start ticks do
};

using Clock = std::function<ClockReading()>;

ClockReading SystemClock();

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_CLOCK_H_
