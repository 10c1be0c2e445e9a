// What each source of each agent uses: Observations in, one tick's samples out.
//
// The sources of an agent are
//   session:<id>  everything below a pane of tmux (id: the name of its tmux session) or, where none of the
//                 agent's processes is in a pane, below a session leader that the agent started (id: its
//                 pid). The outermost counts; agents of their own that run below it are in it too.
//   agent-server  its roots and what they started outside any session
//   aggregate     the sum of those
// The exporter itself is no agent here.
//
// CPU is what the processes used between two observations, and what children that lived and died between them
// left to the parent that waited for them (cutime), less what was counted of those while they lived.
//
// Thread safety: none.

#ifndef AGENT_EXPORTER_LEDGER_SOURCE_METER_H_
#define AGENT_EXPORTER_LEDGER_SOURCE_METER_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agents/observation.h"
#include "ledger/records.h"

namespace agent_exporter::ledger {

// The processes in panes, by pid, with the names of their tmux sessions.
using Panes = absl::flat_hash_map<pid_t, std::string>;

class SourceMeter {
 public:
  // More sessions of one agent than that are counted together as "session:other".
  static constexpr size_t kMaxSessions = 100;

  // Takes in what happened up to `observation`.
  void Observe(const agents::Observation& observation, const Panes& panes);

  // The figures since the last call, in percent of one core over monotonic time; a source that was not there
  // at the last call has 0. Sources that are gone by the last observation are left out.
  std::vector<SourceSample> TakeTick();

  // The sources at the last observation, and whether a session is among them.
  const SourceKeys& live() const { return live_; }
  bool has_sessions() const { return has_sessions_; }

 private:
  struct Seen {  // one process at the last observation
    pid_t ppid = 0;
    int64_t cpu_ns = 0;
    int64_t children_cpu_ns = 0;
  };
  struct Source {
    int64_t cpu_ns = 0;  // since the last tick
    std::optional<pid_t> pid;
    std::optional<int64_t> rss_bytes = 0;  // empty: one process' could not be read
    bool ticked = false;                   // was there at the last tick
    bool live = false;
  };
  struct Agent {
    absl::flat_hash_map<kernel::ProcessKey, Seen> seen;
    std::map<std::string, Source> sources;
  };
  // A process that counts for an agent, and for which of its sources.
  struct Member {
    const agents::ProcessSample* process = nullptr;
    std::string source;
    pid_t source_pid = 0;
  };
  using Members = std::map<std::string, std::vector<Member>>;  // by agent

  static Members MembersOf(const agents::Observation& observation, const Panes& panes);
  void CountCpu(Agent& agent, const std::vector<Member>& members) const;
  void CountRest(Agent& agent, const std::vector<Member>& members);
  void LetGo(Agent& agent);

  std::map<std::string, Agent> agents_;
  SourceKeys live_;
  bool has_sessions_ = false;
  double elapsed_ = 0;               // between the last two observations
  std::optional<double> monotonic_;  // of the last observation
  std::optional<double> tick_;       // of the last tick
};

}  // namespace agent_exporter::ledger

#endif  // AGENT_EXPORTER_LEDGER_SOURCE_METER_H_
