// Keeps the last ten minutes of every live root, so that what led to its end can be told when it ended.
//
// Bounded: at most 300 points a root (every tick while they are few, thinned out as they grow old) and the
// newest, for at most 512 roots. For roots beyond those only the newest point, the peaks and the limits are
// kept, until there is room: a root that ended makes room before one that lives. A root's ring begins with
// it, so that a slot that is used again never shows its last run's figures. It is forgotten a minute after
// its root was last seen.
//
// Thread safety: all methods from any thread. Add takes microseconds per agent: a Sampler's listener may call
// it.

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

  // Takes in a tick.
  void Add(const agents::Observation& observation);

  // The record of a root as of `now` (monotonic seconds); empty where no tick saw it alive.
  std::optional<FlightRecord> Record(const kernel::ProcessKey& root, double now) const;

  size_t roots() const;  // all of them

 private:
  struct Ring {
    std::deque<FlightPoint> points;  // at least `spacing` apart
    double spacing = 0;
    bool whole = false;  // one of the kMaxRoots; else `points` is the newest alone
    std::optional<FlightPoint> newest;
    FlightRecord summary;                               // all but points
    std::vector<agents::ResourceUse> latest_resources;  // the last tick's alone
  };

  static void Thin(Ring& ring);
  void AddRoot(const agents::AgentSample& agent, const agents::ProcessSample& root, double now);
  // Whether one more ring can be whole; lets go of one whose root has ended if need be.
  bool HasRoom();

  mutable std::mutex mutex_;
  absl::flat_hash_map<kernel::ProcessKey, Ring> rings_;
  size_t whole_ = 0;       // of rings_
  bool full_ = false;      // this tick found no room
  double last_tick_ = -1;  // the one before the tick being added
};

// "comm (pid)" of what is alive below the roots of `agent`, at most `limit` and then "…".
std::vector<std::string> LiveDescendants(const agents::AgentSample& agent, size_t limit = 10);

}  // namespace agent_exporter::run

#endif  // AGENT_EXPORTER_RUN_FLIGHT_RECORDER_H_
