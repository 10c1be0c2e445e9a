// Judges whether one figure is on its way to its limit.
//
// Whenever a width of the ladder (leaks/minima_ladder.h) completes a bucket, the windows of that width are
// tested for a rise (leaks/rise.h), so that a leak of two minutes and one of two weeks are the same thing at
// another scale. A rise is evidence if the limit is not further away than a small multiple of the time it has
// been watched; how small depends on what is known of the time before:
//
//   quick      up to half an hour: builds and jobs, too, take what they need within minutes
//   young      nothing before the rise is known: it may be a warm-up, or a first morning
//   settled    the figure has been watched for long and was never this high
//   relapse    the life before ended in a leak: a supervisor's restarts hide it, and do not cure it
//
// Two judges test differently. Either makes a ticket. Both together make a page when the limit is less than
// eight hours away, and so does a quick rise that has used up most of what was free as it began.
//
// A verdict is kept for half the span it rests on, so that one leak is one episode; it ends at once when half
// of the rise was given back. A limit that moves by less than half moves the estimate; after a larger change
// the verdict is reached anew.
//
// Thread safety: none. Under 2 KB.

#ifndef AGENT_EXPORTER_LEAKS_LEAK_DETECTOR_H_
#define AGENT_EXPORTER_LEAKS_LEAK_DETECTOR_H_

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "leaks/minima_ladder.h"
#include "leaks/rise.h"

namespace agent_exporter::leaks {

enum class Severity : uint8_t { kNone, kTicket, kPage };

struct Judgement {
  Severity severity = Severity::kNone;
  // Meaningless with kNone.
  double seconds_to_limit = 0;
  double growth_per_second = 0;
  double span_seconds = 0;
};

class LeakDetector {
 public:
  // `least_rise`: in units of the figure; a smaller rise is none.
  explicit LeakDetector(double least_rise) : least_rise_(static_cast<float>(least_rise)) {}

  // `now`: seconds of CLOCK_BOOTTIME.
  void Add(double now, uint64_t used, uint64_t limit);

  // As of the last Add.
  Judgement Current() const;

  // All of it, and back; false for what is no such detector: do not use it then.
  void Save(base::ByteWriter& out) const;
  bool Load(base::ByteReader& in);

  // For the figure that takes the place of this one when its process is restarted: knows only how high this
  // one got, and whether it ended with evidence.
  LeakDetector NextLife() const;

 private:
  // What the windows of one width say; slope 0: nothing.
  struct Finding {
    float slope = 0;  // units a second
    float rise = 0;
    float floor = 0;
    uint32_t hits_at = 0;        // seconds of CLOCK_BOOTTIME
    uint32_t since = 0;          // the same: when the rise began
    uint32_t climb_hits_at = 0;  // by the other judge; 0: it sees nothing
    bool page = false;           // enough for a page by itself
    bool pageable = false;       // enough for one if the other judge agrees
  };

  void TakeLimit(double limit);
  Finding Judge(int level, double now) const;
  double Horizon(const Rise& rise) const;
  void Decide(double now);
  void GiveBack(double used);
  void EndVerdict();
  double LeastRise() const;

  MinimaLadder ladder_;
  std::array<Finding, MinimaLadder::kLevels> findings_;
  Finding shown_;  // of the newest decision with evidence
  double limit_ = 0;
  double page_until_ = -1, ticket_until_ = -1;
  float least_rise_;
  float earlier_peak_ = 0;  // of the lives before that ended without evidence
  float last_used_ = 0;
  Severity severity_ = Severity::kNone;
  bool leaked_before_ = false;
  bool any_finding_ = false;
};

static_assert(sizeof(LeakDetector) <= 2048);

}  // namespace agent_exporter::leaks

#endif  // AGENT_EXPORTER_LEAKS_LEAK_DETECTOR_H_
