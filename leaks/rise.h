// Whether the floor of a figure rises as a leak does, as seen through one window of the ladder: the newest
// buckets of one width. Two judges with different tests look at the same minima.
//
// FindRise fits a line. All must hold for the minima of the window:
//
//   monotony   nearly every later minimum is above every earlier one (Kendall), and none falls far below:
//              a sawtooth, a daily cycle or a walk goes down again
//   no step    no single bucket brings half of the rise: a cache that was loaded, a job that began
//   no fading  the newest half rises at least about as fast as the whole: a warm-up slows down
//   no unrest  within a bucket it moves little against the rise: builds and batch jobs come and go
//   news       the floor is above what it was before the rise: what was there before was given back
//
// FindClimb cuts the window into five floors: every one brings its share of the climb and none brings it
// all, the newer half is not slower, and the middle floor already stands above every floor before.
//
// Whether the limit is near enough is for the caller to judge.
//
// Thread safety: pure functions.

#ifndef AGENT_EXPORTER_LEAKS_RISE_H_
#define AGENT_EXPORTER_LEAKS_RISE_H_

#include <optional>

#include "leaks/minima_ladder.h"

namespace agent_exporter::leaks {

// Spans, in seconds: what builds and bursts do, and what jobs do.
inline constexpr double kQuickSeconds = 1740;
inline constexpr double kShortSeconds = 7000;

struct Rise {
  double slope = 0;  // units a second: of the whole window, for an accelerating figure of its newest half
  double rise = 0;   // units over the window
  double since = 0;  // seconds of CLOCK_BOOTTIME at which the window begins
  double span = 0;   // seconds
  double floor = 0;  // the newest minimum
  double peak = 0;   // the highest value of the newest buckets, which hits the limit first
  double start = 0;  // the oldest minimum
  bool smooth = false;
  // Seconds until `limit`.
  double left(double limit) const { return limit > peak ? (limit - peak) / slope : 0; }
  // How far away `limit` is: by time as a multiple of the span, or, where a part of a short span may be
  // level, by height as a multiple of the rise.
  double reach(double limit) const;
};

// Rises below `least` units are none, whatever their shape. `normal_ceiling`: what the figure was before does
// not count from here up, because that was no normal state.
std::optional<Rise> FindRise(const MinimaLadder& ladder, int level, int buckets, double least);
std::optional<Rise> FindClimb(const MinimaLadder& ladder, int level, int buckets_per_floor, double least,
                              double normal_ceiling);

}  // namespace agent_exporter::leaks

#endif  // AGENT_EXPORTER_LEAKS_RISE_H_
