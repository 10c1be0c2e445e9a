// Measures what each source of each agent uses: from Observations to one tick's samples.
//
// The sources of an agent are
//   session:<id>  everything below a tmux pane (id: the name of its tmux session) or, if none of the agent's
//                 processes is in a pane, below a session leader that the agent started (id: its pid). The
//                 outermost counts, and includes other agents that run below it.
//   agent-server  its roots and what they started outside sessions
//   aggregate     the sum of those
// The exporter itself does not count as an agent.
//
// CPU comes from agents/: the aggregate is the rise of the agent's counters, a session has the part that its
// processes added, and the server has the rest.
//
// Thread safety: none.

#ifndef AGENT_EXPORTER_LEDGER_SOURCE_METER_H_
#define AGENT_EXPORTER_LEDGER_SOURCE_METER_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agents/observation.h"
#include "ledger/records.h"

namespace agent_exporter::ledger {

// The processes in panes, by pid, with the names of their tmux sessions.
using Panes = absl::flat_hash_map<pid_t, std::string>;

class SourceMeter {
 public:
  // Further sessions of one agent are counted together as "session:other".
  static constexpr size_t kMaxSessions = 100;

  // Adds what happened up to `observation`.
  void Observe(const agents::Observation& observation, const Panes& panes);

  // The figures since the last call, in percent of one core over monotonic time. A source that is new since
  // the last call has 0. Sources without processes in the last observation are left out.
  std::vector<SourceSample> TakeTick();

  // The sources at the last observation, and whether a session is among them.
  const SourceKeys& live() const { return live_; }
  bool has_sessions() const { return has_sessions_; }

 private:
  struct Source {
    // Added by its processes: the agent's own, and those of other agents inside a session.
    int64_t own_ns = 0, nested_ns = 0;
    int64_t ticked_own_ns = 0, ticked_nested_ns = 0;  // at the last tick
    std::optional<pid_t> pid;
    std::optional<int64_t> rss_bytes = 0;  // empty: it could not be read for one process
    bool ticked = false;                   // existed at the last tick
    bool live = false;
  };
  struct Agent {
    std::map<std::string, Source> sources;
    bool ticked = false;  // existed at the last tick
  };
  // A process that counts for an agent, and the source it counts for.
  struct Member {
    const agents::ProcessSample* process = nullptr;
    std::string_view agent;  // whose it is
    std::string source;
    pid_t source_pid = 0;
  };
  using Members = std::map<std::string, std::vector<Member>>;  // by agent

  static Members MembersOf(const agents::Observation& observation, const Panes& panes);
  void CountCpu(const agents::Observation& observation);
  static void CountMembers(const std::string& name, Agent& agent, const std::vector<Member>& members);

  std::map<std::string, Agent> agents_;
  SourceKeys live_;
  bool has_sessions_ = false;
  using GroupKey = std::tuple<std::string, std::string, std::string>;  // name, kind, slot
  std::map<GroupKey, int64_t> counted_ns_;                             // the counters at the last observation
  std::map<std::string, int64_t> used_ns_;                             // by agent, since the last tick
  std::optional<double> monotonic_;                                    // of the last observation
  std::optional<double> tick_;                                         // of the last tick
};

}  // namespace agent_exporter::ledger

#endif  // AGENT_EXPORTER_LEDGER_SOURCE_METER_H_
