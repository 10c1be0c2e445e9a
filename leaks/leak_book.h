// The leak detectors of all agents, kept from look to look and, saved and loaded again, over the exporter's
// own restart.
//
// Each figure that can hit a limit has a detector of its own (AgentSample::holdings): each root, each process
// above a tenth of its limit, each control group, and the tree. So a leak in one of ten sessions is seen
// while others come and go, and the end of one ends only what it held. What the agent as a whole holds starts
// anew, but for what LeakDetector::NextLife knows, when no root is left of those that ran before; so does
// everything after a reboot. What was not seen while the exporter was away is a gap, not a zero.
//
// Thread safety: none; the sampler's thread owns it.

#ifndef AGENT_EXPORTER_LEAKS_LEAK_BOOK_H_
#define AGENT_EXPORTER_LEAKS_LEAK_BOOK_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "agents/observation.h"
#include "kernel/process.h"
#include "leaks/leak_detector.h"

namespace agent_exporter::leaks {

class LeakBook {
 public:
  // Takes in a look at all agents and fills in their leaks; between two ticks it only fills in what the last
  // tick found. Agents that are gone are forgotten. `now`: seconds of CLOCK_BOOTTIME.
  void Look(double now, bool tick, agents::Observation& observation);

  // The parts of Look: takes in one agent (roots first) and fills in its leaks,
  void Tick(double now, agents::AgentSample* agent);
  // fills in the leaks as of the last tick,
  void Show(agents::AgentSample* agent) const;
  // and forgets agents that no tick named since the last call.
  void ForgetUnseen();

  // The whole book in a format of its own, with its version (leaks/leak_book_state.cc).
  std::string Save(double boot_time) const;
  // Takes the place of what is in the book. `boot_time`: seconds since the epoch; state of another boot is
  // dropped, which is no error. FailedPrecondition for another version's, InvalidArgument for what is not the
  // bytes of a Save; nothing changes then.
  absl::Status Load(std::string_view saved, double boot_time);

 private:
  // Which figure of an agent: AgentSample::holdings has one of each.
  struct Key {
    kernel::ProcessKey holder;
    agents::ResourceUse::Scope scope{};
    agents::ResourceUse::Resource resource{};
    uint64_t series = 0;
    static Key Of(const agents::ResourceUse& use);
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Figure {
    explicit Figure(double least_rise) : detector(least_rise) {}
    explicit Figure(LeakDetector next) : detector(std::move(next)) {}
    LeakDetector detector;
    double seen = 0;  // CLOCK_BOOTTIME
  };
  struct Entry {
    std::vector<kernel::ProcessKey> roots;  // that lived at the last tick at which any did
    bool seen = true;
    std::map<Key, Figure> figures;
    // What the next root knows of those before, where they follow one another one at a time.
    std::map<Key, LeakDetector> inherited;
  };

  static void EndLives(const agents::AgentSample& agent, Entry& entry);

  std::map<std::string, Entry> entries_;  // by name, kind and slot
};

}  // namespace agent_exporter::leaks

#endif  // AGENT_EXPORTER_LEAKS_LEAK_BOOK_H_
