// The leak evidence of all agents, kept from look to look and, saved and loaded again, over the exporter's
// own restart.
//
// An agent's evidence belongs to its oldest live root, by identity: an agent that was restarted starts anew,
// but for one bit (LeakDetector::NextLife), and so does everything after a reboot. What was not seen while
// the exporter was away is a gap, not a zero.
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
  // Takes in a look at all agents, or, between two ticks, only shows what the last tick found. Agents that
  // are gone are forgotten. `now`: seconds of CLOCK_BOOTTIME.
  void Look(double now, bool tick, agents::Observation& observation);

  // The parts of Look. Takes in what `agent` uses of its limits (roots first, oldest first) and fills in its
  // leaks. `now`: seconds of CLOCK_BOOTTIME.
  void Tick(double now, agents::AgentSample* agent);
  // Fills in the leaks as of the last tick.
  void Show(agents::AgentSample* agent) const;
  // Lets go of agents that no tick named since the last call.
  void ForgetUnseen();

  // The whole book in a format of its own, with its version (leaks/leak_book.cc).
  std::string Save(double boot_time) const;
  // Takes the place of what is in the book. `boot_time`: seconds since the epoch; state of another boot is
  // dropped, which is no error. FailedPrecondition for another version's, InvalidArgument for what is not the
  // bytes of a Save; nothing changes then.
  absl::Status Load(std::string_view saved, double boot_time);

 private:
  struct Entry {
    kernel::ProcessKey root;  // 0, 0: it does not run
    bool seen = true;
    std::vector<LeakDetector> detectors;  // one for each scope and resource that was ever known
  };

  std::map<std::string, Entry> entries_;  // by name, kind and slot
};

}  // namespace agent_exporter::leaks

#endif  // AGENT_EXPORTER_LEAKS_LEAK_BOOK_H_
