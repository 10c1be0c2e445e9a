// Decides whether one figure is growing towards its limit.
//
// Whenever a level of the ladder (leaks/minima_ladder.h) completes a bucket, the windows of that width are
// tested for a rise (leaks/rise.h). So a leak of two minutes and one of two weeks are tested in the same way
// at different scales. A rise is evidence if the time to the limit is at most a small multiple of the
// duration of the rise. The multiple depends on what is known of the time before:
//
//   quick      up to half an hour: builds and jobs also grow within minutes
//   young      nothing before the rise is known: it may be a warm-up, or a first morning
//   settled    the figure has been watched for long and was never this high
//   relapse    the previous life ended in a leak: a supervisor's restarts hide a leak but do not fix it
//
// There are two tests (FindRise, FindClimb). One alone gives a ticket. Both together give a page if the limit
// is less than eight hours away. A quick rise also gives a page if it has used up most of what was free at
// its start.
//
// A verdict is kept for half the span of its evidence, so that one leak is one episode. It ends at once if
// the figure falls by half of the rise. If the limit changes by less than half, only the estimate changes;
// after a larger change the verdict is decided again.
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
  // Undefined for kNone.
  double seconds_to_limit = 0;
  double growth_per_second = 0;
  double span_seconds = 0;
};

class LeakDetector {
 public:
  // `least_rise`: in units of the figure; smaller rises are ignored.
  explicit LeakDetector(double least_rise) : least_rise_(static_cast<float>(least_rise)) {}

  // `now`: seconds of CLOCK_BOOTTIME.
  void Add(double now, uint64_t used, uint64_t limit);

  // As of the last Add.
  Judgement Current() const;

  // Save writes the whole state and Load reads it. If Load returns false the data is invalid; do not use the
  // detector then.
  void Save(base::ByteWriter& out) const;
  bool Load(base::ByteReader& in);

  // The detector for the same figure after its process was restarted. It knows only the peak of this one, and
  // whether this one ended with evidence.
  LeakDetector NextLife() const;

 private:
  // The result of the windows of one width; slope 0: no evidence.
  struct Finding {
    float slope = 0;  // units per second
    float rise = 0;
    float floor = 0;
    uint32_t hits_at = 0;        // seconds of CLOCK_BOOTTIME
    uint32_t since = 0;          // when the rise began, same clock
    uint32_t climb_hits_at = 0;  // from FindClimb; 0: no climb
    bool page = false;           // gives a page by itself
    bool pageable = false;       // gives a page if the other test agrees
  };

  void SetLimit(double limit);
  Finding FindEvidence(int level, double now) const;
  double Horizon(const Rise& rise) const;
  void Decide(double now);
  void EndIfFallen(double used);
  void EndVerdict();
  double LeastRise() const;

  MinimaLadder ladder_;
  std::array<Finding, MinimaLadder::kLevels> findings_;
  Finding shown_;  // of the latest decision with evidence
  double limit_ = 0;
  double page_until_ = -1, ticket_until_ = -1;
  float least_rise_;
  float earlier_peak_ = 0;  // of earlier lives that ended without evidence
  float last_used_ = 0;
  Severity severity_ = Severity::kNone;
  bool leaked_before_ = false;
  bool any_finding_ = false;
};

static_assert(sizeof(LeakDetector) <= 2048);

}  // namespace agent_exporter::leaks

#endif  // AGENT_EXPORTER_LEAKS_LEAK_DETECTOR_H_
