// Keeps the last ten minutes of every live root, so that a diagnosis can show what led to its end.
//
// Bounded: at most 300 points for each of at most 512 roots, every tick at first, then thinned out. For
// further roots it keeps only the newest point, the peaks and the limits until a place is free; roots that
// have ended give theirs up first. Each root has its own ring, so a reused slot never shows figures of the
// run before. A ring is dropped a minute after its root was last seen.
//
// Thread safety: all methods from any thread. Add takes microseconds per agent, so a Sampler's listener may
// call it.

#ifndef AGENT_EXPORTER_RUN_FLIGHT_RECORDER_H_
#define AGENT_EXPORTER_RUN_FLIGHT_RECORDER_H_

#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agents/observation.h"
#include "run/flight_record.h"

namespace agent_exporter::run {

class FlightRecorder {
 public:
  static constexpr double kSeconds = 600;
  static constexpr size_t kMaxPoints = 300;
  static constexpr size_t kMaxRoots = 512;

  // Adds a tick.
  void Add(const agents::Observation& observation);

  // The record of a root at `now` (monotonic seconds); empty if no tick saw it alive.
  std::optional<FlightRecord> Record(const kernel::ProcessKey& root, double now) const;

  size_t roots() const;  // all of them

 private:
  struct Ring {
    std::deque<FlightPoint> points;  // at least `spacing` apart
    double spacing = 0;
    bool whole = false;  // one of the kMaxRoots; otherwise `points` has only the newest
    std::optional<FlightPoint> newest;
    FlightRecord summary;                               // without points
    std::vector<agents::ResourceUse> latest_resources;  // of the last tick only
  };

  static void Thin(Ring& ring);
  void AddRoot(const agents::AgentSample& agent, const agents::ProcessSample& root, double now);
  // Whether one more ring can be whole. Drops one whose root has ended if needed.
  bool HasRoom();

  mutable std::mutex mutex_;
  absl::flat_hash_map<kernel::ProcessKey, Ring> rings_;
  size_t whole_ = 0;       // of rings_
  bool full_ = false;      // this tick found no room
  double last_tick_ = -1;  // the one before the tick being added
};

// "comm (pid)" of the live descendants of `agent`, at most `limit` and then "…".
std::vector<std::string> LiveDescendants(const agents::AgentSample& agent, size_t limit = 10);

}  // namespace agent_exporter::run

#endif  // AGENT_EXPORTER_RUN_FLIGHT_RECORDER_H_
