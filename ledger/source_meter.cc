#include "ledger/source_meter.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace agent_exporter::ledger {
namespace {

constexpr std::string_view kSelf = "agent_exporter";
// A longer chain of parents is a cycle in a torn snapshot.
constexpr size_t kMaxDepth = 10000;

struct Known {
  const agents::ProcessSample* process = nullptr;
  const std::string* agent = nullptr;
};
using KnownByPid = absl::flat_hash_map<pid_t, Known>;

std::string SessionSource(std::string_view id) {
  return absl::StrCat(std::string(kSessionPrefix), std::string(id));
}

// The tmux server leads a session, but its children are other sessions.
bool IsTmuxServer(const agents::ProcessSample& process) { return process.comm.starts_with("tmux: server"); }

bool IsRootOf(const Known& known, const std::string& agent) {
  return known.process->role == agents::Role::kRoot && *known.agent == agent;
}

// How a process relates to an agent that is on its chain of parents.
struct Place {
  const agents::ProcessSample* pane = nullptr;    // the outermost program in a pane above it, or itself
  const agents::ProcessSample* leader = nullptr;  // the outermost session leader
};

// The chain from a process up to its last known parent, itself first.
std::vector<Known> ChainOf(const Known& start, const KnownByPid& by_pid) {
  std::vector<Known> chain{start};
  while (chain.size() < kMaxDepth) {
    const auto parent = by_pid.find(chain.back().process->ppid);
    if (parent == by_pid.end()) break;
    // A "parent" younger than its child is another process with a reused pid.
    if (parent->second.process->key.start_ticks > chain.back().process->key.start_ticks) break;
    chain.push_back(parent->second);
  }
  return chain;
}

Place PlaceIn(const std::string& agent, const std::vector<Known>& chain, const Panes& panes) {
  size_t end = chain.size();  // the rest of the chain is above the agent
  while (end > 0 && *chain[end - 1].agent != agent) --end;
  Place place;
  for (size_t i = 0; i < end; ++i) {
    const agents::ProcessSample& process = *chain[i].process;
    if (IsRootOf(chain[i], agent) || IsTmuxServer(process)) continue;
    if (panes.contains(process.key.pid)) place.pane = &process;
    if (process.session == process.key.pid) place.leader = &process;
  }
  return place;
}

int64_t Rise(int64_t now, int64_t before) { return std::max<int64_t>(0, now - before); }

}  // namespace

SourceMeter::Members SourceMeter::MembersOf(const agents::Observation& observation, const Panes& panes) {
  KnownByPid by_pid;
  std::map<std::string, std::set<pid_t>> root_sessions;
  for (const agents::AgentSample& agent : observation.agents) {
    if (agent.name == kSelf) continue;
    for (const agents::ProcessSample& process : agent.processes) {
      by_pid[process.key.pid] = {&process, &agent.name};
      if (process.role == agents::Role::kRoot) root_sessions[agent.name].insert(process.session);
    }
  }
  struct Placed {
    Known known;
    Place place;
  };
  std::map<std::string, std::vector<Placed>> placed;
  std::set<std::string> with_panes;
  for (const agents::AgentSample& agent : observation.agents) {
    if (agent.name == kSelf) continue;
    for (const agents::ProcessSample& process : agent.processes) {
      const Known known{&process, &agent.name};
      const std::vector<Known> chain = ChainOf(known, by_pid);
      std::set<std::string> on_chain;
      for (const Known& each : chain) on_chain.insert(*each.agent);
      for (const std::string& name : on_chain) {
        const Place place = PlaceIn(name, chain, panes);
        if (place.pane != nullptr) with_panes.insert(name);
        placed[name].push_back({known, place});
      }
    }
  }

  Members members;
  for (auto& [name, all] : placed) {
    const bool by_panes = with_panes.contains(name);
    for (const Placed& each : all) {
      const agents::ProcessSample& process = *each.known.process;
      const bool own = *each.known.agent == name;
      Member member{.process = &process, .agent = *each.known.agent, .source = std::string(kServerSource)};
      if (IsRootOf(each.known, name)) {
        member.source_pid = process.key.pid;
      } else if (by_panes && each.place.pane != nullptr) {
        member.source_pid = each.place.pane->key.pid;
        member.source = SessionSource(panes.at(member.source_pid));
      } else if (!by_panes && each.place.leader != nullptr) {
        member.source_pid = each.place.leader->key.pid;
        member.source = SessionSource(absl::StrCat(member.source_pid));
      } else if (!own) {
        continue;  // another agent, outside this one's sessions
      } else if (process.orphan && !IsTmuxServer(process) && process.session != 0 &&
                 !root_sessions[name].contains(process.session)) {
        // Its parents are gone; its session shows whose it was.
        const auto pane = panes.find(process.session);
        if (by_panes ? pane != panes.end() : true) {
          member.source_pid = process.session;
          member.source = SessionSource(by_panes ? pane->second : absl::StrCat(process.session));
        }
      }
      members[name].push_back(std::move(member));
    }
  }
  return members;
}

void SourceMeter::Observe(const agents::Observation& observation, const Panes& panes) {
  CountCpu(observation);
  monotonic_ = observation.monotonic_seconds;

  Members members = MembersOf(observation, panes);
  for (auto& [name, list] : members) {
    Agent& agent = agents_[name];
    for (Member& member : list) {
      if (agent.sources.contains(member.source)) continue;
      if (member.source != kServerSource && agent.sources.size() > kMaxSessions) {
        member.source = SessionSource("other");
        member.source_pid = 0;
      }
      agent.sources[member.source];
    }
    CountMembers(name, agent, list);
  }
  live_.clear();
  has_sessions_ = false;
  for (auto at = agents_.begin(); at != agents_.end();) {
    if (!members.contains(at->first)) {
      at = agents_.erase(at);
      continue;
    }
    std::erase_if(at->second.sources, [](const auto& source) { return !source.second.live; });
    for (const auto& [name, source] : at->second.sources) {
      live_.emplace(at->first, name);
      has_sessions_ |= name.starts_with(kSessionPrefix);
    }
    live_.emplace(at->first, kAggregateSource);
    ++at;
  }
}

void SourceMeter::CountMembers(const std::string& name, Agent& agent, const std::vector<Member>& members) {
  for (auto& [source_name, source] : agent.sources) {
    source.live = false;
    source.own_ns = source.nested_ns = 0;
    source.pid.reset();
    source.rss_bytes = 0;
  }
  for (const Member& member : members) {
    Source& source = agent.sources[member.source];
    source.live = true;
    (member.agent == name ? source.own_ns : source.nested_ns) += member.process->counted_cpu.total_ns();
    // The oldest root's: an agent's roots come first, oldest first.
    if (!source.pid && member.source_pid > 0) source.pid = member.source_pid;
    if (member.process->state == 'Z') continue;  // has no memory
    const std::optional<uint64_t>& resident = member.process->usage.resident_bytes;
    if (resident && source.rss_bytes) {
      *source.rss_bytes += static_cast<int64_t>(*resident);
    } else {
      source.rss_bytes.reset();
    }
  }
}

// How much the agents' counters rose since the last observation.
void SourceMeter::CountCpu(const agents::Observation& observation) {
  std::map<GroupKey, int64_t> now;
  for (const agents::AgentSample& agent : observation.agents) {
    if (agent.name == kSelf) continue;
    const agents::AgentCounters& counters = agent.counters;
    const GroupKey key(agent.name, agent.kind, agent.slot);
    now[key] = counters.self_cpu.total_ns() + counters.descendants_cpu.total_ns();
    const auto before = counted_ns_.find(key);
    // A new group has counted from 0. In the first observation that CPU belongs to no tick.
    if (before != counted_ns_.end() || monotonic_) {
      used_ns_[agent.name] += Rise(now[key], before == counted_ns_.end() ? 0 : before->second);
    }
  }
  counted_ns_ = std::move(now);
}

std::vector<SourceSample> SourceMeter::TakeTick() {
  std::vector<SourceSample> samples;
  if (!monotonic_) return samples;
  const double elapsed = tick_ ? *monotonic_ - *tick_ : 0;
  tick_ = monotonic_;
  const auto percent = [elapsed](int64_t ns) {
    return elapsed > 0 ? static_cast<double>(ns) * 1e-9 / elapsed * 100 : 0;
  };
  for (auto& [agent_name, agent] : agents_) {
    // The server gets all CPU that no current session used, also that of sessions that ended within the tick.
    int64_t left_ns = agent.ticked ? used_ns_[agent_name] : 0;
    int64_t all_ns = left_ns;
    SourceSample aggregate{.agent = agent_name, .source = std::string(kAggregateSource), .rss_bytes = 0};
    std::vector<SourceSample> rows;
    SourceSample* server = nullptr;
    rows.reserve(agent.sources.size());
    for (auto& [name, source] : agent.sources) {
      SourceSample& sample = rows.emplace_back();
      sample.agent = agent_name;
      sample.source = name;
      sample.pid = source.pid;
      sample.rss_bytes = source.rss_bytes;
      if (!source.rss_bytes) aggregate.rss_bytes.reset();
      if (aggregate.rss_bytes) *aggregate.rss_bytes += *source.rss_bytes;
      if (name == kServerSource) {
        server = &sample;
      } else if (source.ticked && agent.ticked) {
        const int64_t own_ns = std::min(left_ns, Rise(source.own_ns, source.ticked_own_ns));
        const int64_t nested_ns = Rise(source.nested_ns, source.ticked_nested_ns);
        left_ns -= own_ns;
        all_ns += nested_ns;
        sample.cpu_percent = percent(own_ns + nested_ns);
      }
      source.ticked = true;
      source.ticked_own_ns = source.own_ns;
      source.ticked_nested_ns = source.nested_ns;
    }
    if (server != nullptr) server->cpu_percent = percent(left_ns);
    aggregate.cpu_percent = percent(all_ns);
    agent.ticked = true;
    samples.insert(samples.end(), std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
    samples.push_back(std::move(aggregate));
  }
  used_ns_.clear();
  return samples;
}

}  // namespace agent_exporter::ledger
