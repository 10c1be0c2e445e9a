// The agents that exist: one group per (name, kind, slot), holding the counters that outlive its processes.
//
// Thread safety: none; the sampler's thread owns the table. Processes share their groups, so a group that is
// forgotten here stays valid until its last process drops it.

#ifndef AGENT_EXPORTER_AGENTS_AGENT_GROUP_H_
#define AGENT_EXPORTER_AGENTS_AGENT_GROUP_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "agents/command_book.h"
#include "agents/observation.h"
#include "agents/rules.h"
#include "agents/window_maximum.h"

namespace agent_exporter::agents {

// What the kernel's OOM event says about its victim.
OomFinding KernelNamesIt();

struct AgentGroup {
  std::string name;
  std::string kind;
  std::string slot;
  bool configured = false;  // the configuration names it
  // The name came from a template of the configuration. It counts as configured until it is forgotten.
  bool from_template = false;
  AgentCounters counters;
  CommandBook commands;
  uint64_t lost_roots = 0;      // roots that ended and are not replaced yet
  std::vector<RootExit> ended;  // recently
  std::optional<LastExit> last_exit;
  std::vector<ResourceUse> last_resources;  // while a root was last alive
  struct CpuRatio {
    std::optional<int64_t> tick_ns;  // counted at the last tick
    double ratio = 0;
  };
  CpuRatio self_cpu, tree_cpu;
  double cpu_tick_time = 0;  // monotonic seconds
  WindowMaximum self_resident_max, self_open_fds_max, descendants_max;
  uint64_t members = 0;   // live processes, as of the last update
  double last_alive = 0;  // monotonic seconds at which it last had a member
  // Registered by `run`: everything below its root belongs to it, whatever the rules say.
  bool whole_tree = false;

  // Fills in the category of a root's end and counts it.
  void RecordEnd(RootExit end);
  // Applies what the OOM counters say about `end`, one of `ended`. This may change its category, so call it
  // before the counters are shown.
  void SettleOom(RootExit& end, OomFinding finding);
  // The kernel's OOM event names this root. Its end may already be recorded.
  void ConfirmOom(const kernel::ProcessKey& root);
};

class AgentGroupTable {
 public:
  // At most `max_agents` groups; further agents share the group "other". A group that the configuration does
  // not name is forgotten `forget_after_seconds` after its last process ended. Until then it shows agent_up
  // 0, and if it returns its counters continue.
  AgentGroupTable(size_t max_agents, double forget_after_seconds)
      : max_agents_(max_agents), forget_after_seconds_(forget_after_seconds) {}

  // The group of `match`, created if new. *folded: it is "other", because the table is full.
  std::shared_ptr<AgentGroup> Get(const Match& match, double now, bool* folded);

  // Shown with agent_up 0 even before anything matched.
  void Configure(const std::string& name, const std::string& kind, const std::string& slot);
  // The same if kind or slot come from a template: only the name, until a match sets them.
  void ConfigureName(const std::string& name);
  // A new configuration: nothing counts as configured until Configure says so again.
  void ClearConfigured();

  void ForgetStale(double now);

  const auto& groups() const { return groups_; }

 private:
  using Key = std::tuple<std::string, std::string, std::string>;

  size_t max_agents_;
  double forget_after_seconds_;
  std::map<Key, std::shared_ptr<AgentGroup>> groups_;
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_AGENT_GROUP_H_
