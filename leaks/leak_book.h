// The leak detectors of all agents. They can be saved and loaded over a restart of the exporter.
//
// Each figure that has a limit has its own detector (AgentSample::holdings): each root, each process above a
// tenth of its limit, each control group, and the tree. So a leak in one of ten sessions is found while
// others come and go, and when one session ends only its own detectors end. When all former roots are gone,
// the detectors of the whole agent start again, except for what LeakDetector::NextLife keeps. After a reboot
// everything starts again. Time while the exporter was down is a gap, not a zero.
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
#include "leaks/command_growth.h"
#include "leaks/leak_detector.h"

namespace agent_exporter::leaks {

class LeakBook {
 public:
  // Adds a sample of all agents and fills in their leaks. Between two ticks it only fills in the results of
  // the last tick. Forgets agents that are gone. `now`: seconds of CLOCK_BOOTTIME.
  void AddSample(double now, bool tick, agents::Observation& observation);

  // The parts of AddSample. Adds one agent (roots first) and fills in its leaks.
  void Tick(double now, agents::AgentSample* agent);
  // Fills in the leaks as of the last tick.
  void Show(agents::AgentSample* agent) const;
  // Forgets agents that no tick had since the last call.
  void ForgetUnseen();

  // Serializes everything in a versioned format (leaks/leak_book_state.cc).
  std::string Save(double boot_time) const;
  // Replaces everything. `boot_time`: seconds since the epoch; state of another boot is dropped without an
  // error. FailedPrecondition for another version, InvalidArgument for bytes that are not from Save; then
  // nothing changes.
  absl::Status Load(std::string_view saved, double boot_time);

 private:
  // Identifies a figure of an agent; AgentSample::holdings has at most one per key.
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
    std::vector<kernel::ProcessKey> roots;  // roots of the last tick that had any
    bool seen = true;
    std::map<Key, Figure> figures;
    // What the next root inherits from earlier ones, if only one runs at a time.
    std::map<Key, LeakDetector> inherited;
    CommandGrowth growth;
  };

  static void NameGrown(const Entry& entry, agents::AgentSample* agent);
  static void EndLives(const agents::AgentSample& agent, Entry& entry);

  std::map<std::string, Entry> entries_;  // by name, kind and slot
};

}  // namespace agent_exporter::leaks

#endif  // AGENT_EXPORTER_LEAKS_LEAK_BOOK_H_
