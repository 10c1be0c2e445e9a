// Judges whether one figure is on its way to its limit.
//
// Evidence is a rise of the floor that, going on, ends at the limit before long in comparison with how long
// it has been watched. The same test runs at every width of the ladder (leaks/minima_ladder.h), so that a
// leak of half an hour and one of a week are the same thing at another scale. All must hold, for the minima
// of the last 6, 8, 12 or 16 buckets:
//
//   monotony   nearly every later minimum is above every earlier one (Kendall), and none falls far below:
//              a sawtooth, a daily cycle or a walk goes down again
//   no step    no single bucket brings half of the rise: a cache that was loaded, a job that began
//   no fading  the newest half rises at least about as fast as the whole: a warm-up slows down
//   no unrest  within a bucket it moves little against the rise: builds and batch jobs come and go
//   news       the floor is above what it was before the rise: what was there before was given back
//   horizon    the limit is not further away than a small multiple of the span: no prophecy
//
// Slope: Theil–Sen over the minima. Time to the limit: from the highest recent value, since that hits it
// first.
//
// An agent that ended with evidence is believed sooner when its next life rises from its start on, too: a
// supervisor's restarts hide a leak, and do not cure it.
//
// A change of the limit or of its source starts anew, once it has lasted kLimitSettles: a limit that is the
// tightest for a moment only is passed over.
//
// Thread safety: none.

#ifndef AGENT_EXPORTER_LEAKS_LEAK_DETECTOR_H_
#define AGENT_EXPORTER_LEAKS_LEAK_DETECTOR_H_

#include <array>
#include <cstdint>
#include <optional>

#include "agents/observation.h"
#include "leaks/minima_ladder.h"

namespace agent_exporter::leaks {

class LeakDetector {
 public:
  static constexpr double kLimitSettlesSeconds = 180;

  LeakDetector(agents::ResourceUse::Scope scope, agents::ResourceUse::Resource resource)
      : scope_(scope), resource_(resource) {}
  agents::ResourceUse::Scope scope() const { return scope_; }
  agents::ResourceUse::Resource resource() const { return resource_; }

  // `use`: of this scope and resource. `now`: seconds of CLOCK_BOOTTIME.
  void Add(double now, const agents::ResourceUse& use);

  // As of the last Add.
  agents::LeakEvidence Evidence() const;

  // All of it, and back; empty for what is no such detector.
  void Save(base::ByteWriter& out) const;
  static std::optional<LeakDetector> Load(base::ByteReader& in);

  // For the same figure of the agent that takes the place of this one: knows nothing but whether this one
  // ended with evidence (or, if nothing was ever added to it, what it was told of the life before).
  LeakDetector NextLife() const;

 private:
  // What the minima of one width say; slope 0: nothing.
  struct Verdict {
    double slope = 0;    // per second
    double hits_at = 0;  // seconds of CLOCK_BOOTTIME
    double since = 0;    // when the rise began
    double floor = 0;    // the newest minimum
    double rise = 0;
  };

  bool LimitChanged(double now, const agents::ResourceUse& use);
  Verdict Judge(int level, double now) const;
  Verdict JudgeWindow(int level, int buckets, double now) const;
  struct Range {
    double low = 0, high = 0;  // NaN when there was no time before
  };
  Range RangeBefore(int level, int buckets) const;

  double LeastRise() const;

  agents::ResourceUse::Scope scope_;
  agents::ResourceUse::Resource resource_;
  MinimaLadder ladder_;
  std::array<Verdict, MinimaLadder::kLevels> verdicts_;
  uint64_t limit_ = 0;
  agents::ResourceUse::Source source_ = agents::ResourceUse::Source::kHost;
  double other_limit_since_ = -1;
  bool leaked_before_ = false;
};

}  // namespace agent_exporter::leaks

#endif  // AGENT_EXPORTER_LEAKS_LEAK_DETECTOR_H_
