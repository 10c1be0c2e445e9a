// The known agents: one group per (name, kind, slot), with the counters that outlive its processes.
//
// Thread safety: none; the sampler's thread owns the table. Processes share ownership of their group, so a
// forgotten group stays valid until its last process is gone.

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

// The finding for a process that the kernel's OOM event names as the victim.
OomFinding NamedByOomEvent();

struct AgentGroup {
  std::string name;
  std::string kind;
  std::string slot;
  bool configured = false;  // the configuration names it
  // The name came from a template of the configuration. It counts as configured until the group is forgotten.
  bool from_template = false;
  std::optional<size_t> rule;  // that made it, as Match::rule
  AgentCounters counters;
  CommandBook commands;
  uint64_t lost_roots = 0;      // ended roots without a replacement so far
  std::vector<RootExit> ended;  // roots that ended recently
  std::optional<LastExit> last_exit;
  std::vector<ResourceUse> last_resources;  // as of the last time a root was alive
  struct CpuRatio {
    std::optional<int64_t> tick_ns;  // counted at the last tick
    double ratio = 0;
  };
  CpuRatio self_cpu, tree_cpu;
  double cpu_tick_time = 0;  // monotonic seconds
  WindowMaximum self_resident_max, self_open_fds_max, descendants_max;
  uint64_t members = 0;   // live processes, as of the last update
  double last_alive = 0;  // monotonic seconds at which it last had a member
  // Registered by `run`: everything below its root belongs to it, regardless of the rules.
  bool whole_tree = false;

  // Determines the exit category of an ended root and counts it.
  void RecordEnd(RootExit end);
  // Applies the finding of the OOM counters to `end`, an element of `ended`. This may change its category, so
  // call it before the counters are published.
  void ApplyOomFinding(RootExit& end, OomFinding finding);
  // Records that the kernel's OOM event named this root, whose end may already be recorded.
  void ConfirmOom(const kernel::ProcessKey& root);
};

class AgentGroupTable {
 public:
  // Keeps at most `max_agents` groups, and half as many of one rule, whose template could make any number;
  // further agents share the group "other". A group that the configuration does not name is forgotten
  // `forget_after_seconds` after its last process ended. Until then it shows agent_up 0, and its counters
  // continue if it returns.
  AgentGroupTable(size_t max_agents, double forget_after_seconds)
      : max_agents_(max_agents), forget_after_seconds_(forget_after_seconds) {}

  // The group of `match`, created if new. Sets *folded if the result is "other", because there is no room.
  std::shared_ptr<AgentGroup> Get(const Match& match, double now, bool* folded);

  // Adds a configured agent, which shows agent_up 0 even before a process matches.
  void Configure(const std::string& name, const std::string& kind, const std::string& slot);
  // The same for an agent whose kind or slot is a template: only the name is known until a match.
  void ConfigureName(const std::string& name);
  // Marks all groups as not configured; call Configure again for those of a new configuration.
  void ClearConfigured();

  void ForgetStale(double now);

  const auto& groups() const { return groups_; }

 private:
  using Key = std::tuple<std::string, std::string, std::string>;

  bool RuleIsFull(size_t rule) const;

  size_t max_agents_;
  double forget_after_seconds_;
  std::map<Key, std::shared_ptr<AgentGroup>> groups_;
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_AGENT_GROUP_H_
