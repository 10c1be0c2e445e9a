// Tests whether the floor of a figure rises like a leak in one window of the ladder, the newest buckets of
// one width. There are two tests of the same minima.
//
// FindRise fits a line. The minima of the window must meet all of these:
//
//   monotony   nearly every later minimum is above every earlier one (Kendall), and none falls far below:
//              a sawtooth, a daily cycle or a random walk falls again
//   no step    no single bucket has half of the rise, as when a cache is loaded or a job starts
//   no fading  the newest half rises about as fast as the whole or faster; a warm-up slows down
//   no unrest  it changes little within a bucket compared with the rise, unlike builds and batch jobs
//   news       the floor is above its earlier values; lower values were freed again before
//
// FindClimb divides the window into five floors. Each step must have its share of the climb and none too
// much, the newer half must not be slower, and the middle floor must be above every earlier floor.
//
// The caller decides whether the limit is near enough.
//
// Thread safety: pure functions.

#ifndef AGENT_EXPORTER_LEAKS_RISE_H_
#define AGENT_EXPORTER_LEAKS_RISE_H_

#include <optional>

#include "leaks/minima_ladder.h"

namespace agent_exporter::leaks {

// Spans, in seconds: typical of builds and bursts, and of jobs.
inline constexpr double kQuickSeconds = 1740;
inline constexpr double kShortSeconds = 7000;

struct Rise {
  double slope = 0;  // units per second over the window, or over its newest half for an accelerating figure
  double rise = 0;   // units over the window
  double since = 0;  // seconds of CLOCK_BOOTTIME at which the window begins
  double span = 0;   // seconds
  double floor = 0;  // the newest minimum
  double peak = 0;   // the highest value of the newest buckets, which reaches the limit first
  double start = 0;  // the oldest minimum
  bool smooth = false;
  // Seconds until `limit`.
  double left(double limit) const { return limit > peak ? (limit - peak) / slope : 0; }
  // How far away `limit` is: in time as a multiple of the span, or for a short span, of which a part may be
  // level, in height as a multiple of the rise.
  double reach(double limit) const;
};

// Rises below `least` units are ignored, whatever their shape. `normal_ceiling`: earlier values from here up
// do not count, because that was not a normal state.
std::optional<Rise> FindRise(const MinimaLadder& ladder, int level, int buckets, double least);
std::optional<Rise> FindClimb(const MinimaLadder& ladder, int level, int buckets_per_floor, double least,
                              double normal_ceiling);

}  // namespace agent_exporter::leaks

#endif  // AGENT_EXPORTER_LEAKS_RISE_H_
