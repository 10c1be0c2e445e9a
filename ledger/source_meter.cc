#include "ledger/source_meter.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace agent_exporter::ledger {
namespace {

constexpr std::string_view kSelf = "agent_exporter";
// A chain of parents longer than that is a torn snapshot's cycle.
constexpr size_t kMaxDepth = 10000;
// Start stamps come in clock ticks.
constexpr double kStartSlack = 0.05;

struct Known {
  const agents::ProcessSample* process = nullptr;
  const std::string* agent = nullptr;
};
using KnownByPid = absl::flat_hash_map<pid_t, Known>;

std::string SessionSource(std::string_view id) {
  return absl::StrCat(std::string(kSessionPrefix), std::string(id));
}

// tmux' server leads a session, but what it holds are the sessions of others.
bool IsTmuxServer(const agents::ProcessSample& process) { return process.comm.starts_with("tmux: server"); }

bool IsRootOf(const Known& known, const std::string& agent) {
  return known.process->role == agents::Role::kRoot && *known.agent == agent;
}

// What a process is to an agent that is on its chain of parents.
struct Place {
  const agents::ProcessSample* pane = nullptr;    // the outermost program in a pane above it, or itself
  const agents::ProcessSample* leader = nullptr;  // the outermost session leader
};

// The chain from a process up to the last parent that is known, itself first.
std::vector<Known> ChainOf(const Known& start, const KnownByPid& by_pid) {
  std::vector<Known> chain{start};
  while (chain.size() < kMaxDepth) {
    const auto parent = by_pid.find(chain.back().process->ppid);
    if (parent == by_pid.end()) break;
    // A "parent" younger than its child is a stranger with a reused pid.
    if (parent->second.process->key.start_ticks > chain.back().process->key.start_ticks) break;
    chain.push_back(parent->second);
  }
  return chain;
}

Place PlaceIn(const std::string& agent, const std::vector<Known>& chain, const Panes& panes) {
  size_t end = chain.size();  // above its topmost process the chain is not the agent's
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
      Member member{.process = &process, .source = std::string(kServerSource)};
      if (IsRootOf(each.known, name)) {
        member.source_pid = process.key.pid;
      } else if (by_panes && each.place.pane != nullptr) {
        member.source_pid = each.place.pane->key.pid;
        member.source = SessionSource(panes.at(member.source_pid));
      } else if (!by_panes && each.place.leader != nullptr) {
        member.source_pid = each.place.leader->key.pid;
        member.source = SessionSource(absl::StrCat(member.source_pid));
      } else if (!own) {
        continue;  // an agent of its own, outside this one's sessions
      } else if (process.orphan && !IsTmuxServer(process) && process.session != 0 &&
                 !root_sessions[name].contains(process.session)) {
        // Its parents are gone; the session tells whose it was.
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
  const bool first = !monotonic_;
  elapsed_ = first ? 0 : std::max(0.0, observation.monotonic_seconds - *monotonic_);
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
    CountCpu(agent, list);
    CountRest(agent, list);
  }
  live_.clear();
  has_sessions_ = false;
  for (auto at = agents_.begin(); at != agents_.end();) {
    if (!members.contains(at->first)) {
      at = agents_.erase(at);
      continue;
    }
    LetGo(at->second);
    for (const auto& [name, source] : at->second.sources) {
      live_.emplace(at->first, name);
      has_sessions_ |= name.starts_with(kSessionPrefix);
    }
    live_.emplace(at->first, kAggregateSource);
    ++at;
  }
}

// Every member's own rise, and what its children left it. A child that is gone had part of that counted while
// it lived: its debt.
void SourceMeter::CountCpu(Agent& agent, const std::vector<Member>& members) const {
  absl::flat_hash_map<pid_t, kernel::ProcessKey> before;  // by pid
  for (const auto& [key, seen] : agent.seen) before[key.pid] = key;
  absl::flat_hash_map<kernel::ProcessKey, Seen> now;
  for (const Member& member : members) {
    const agents::ProcessSample& process = *member.process;
    now[process.key] = {process.ppid, process.cpu.total_ns(), process.children_cpu.total_ns()};
  }
  absl::flat_hash_map<kernel::ProcessKey, int64_t> debts;
  for (const auto& [key, seen] : agent.seen) {
    if (now.contains(key)) continue;
    pid_t parent = seen.ppid;
    for (size_t depth = 0; depth < kMaxDepth; ++depth) {
      const auto above = before.find(parent);
      if (above == before.end()) break;
      if (now.contains(above->second)) {
        debts[above->second] += seen.cpu_ns + seen.children_cpu_ns;
        break;
      }
      parent = agent.seen.at(above->second).ppid;
    }
  }
  for (const Member& member : members) {
    const agents::ProcessSample& process = *member.process;
    const Seen& figures = now.at(process.key);
    const auto known = agent.seen.find(process.key);
    Seen base;
    if (known != agent.seen.end()) {
      base = known->second;
    } else if (elapsed_ == 0 || process.age_seconds > elapsed_ + kStartSlack) {
      base = figures;  // what it used before it was seen is nobody's tick
    }
    const auto debt = debts.find(process.key);
    const int64_t left = Rise(figures.children_cpu_ns, base.children_cpu_ns);
    agent.sources[member.source].cpu_ns +=
        Rise(figures.cpu_ns, base.cpu_ns) + Rise(left, debt == debts.end() ? 0 : debt->second);
  }
  agent.seen = std::move(now);
}

void SourceMeter::CountRest(Agent& agent, const std::vector<Member>& members) {
  for (auto& [name, source] : agent.sources) {
    source.live = false;
    source.pid.reset();
    source.rss_bytes = 0;
  }
  for (const Member& member : members) {
    Source& source = agent.sources[member.source];
    source.live = true;
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

// A session that ended before its tick has no row; what it used is the agent's all the same.
void SourceMeter::LetGo(Agent& agent) {
  int64_t left_ns = 0;
  for (auto at = agent.sources.begin(); at != agent.sources.end();) {
    if (at->second.live) {
      ++at;
      continue;
    }
    left_ns += at->second.cpu_ns;
    at = agent.sources.erase(at);
  }
  if (const auto server = agent.sources.find(std::string(kServerSource)); server != agent.sources.end()) {
    server->second.cpu_ns += left_ns;
  }
}

std::vector<SourceSample> SourceMeter::TakeTick() {
  std::vector<SourceSample> samples;
  if (!monotonic_) return samples;
  const double elapsed = tick_ ? *monotonic_ - *tick_ : 0;
  tick_ = monotonic_;
  for (auto& [agent_name, agent] : agents_) {
    SourceSample aggregate{.agent = agent_name, .source = std::string(kAggregateSource), .rss_bytes = 0};
    for (auto& [name, source] : agent.sources) {
      const bool measured = source.ticked && elapsed > 0;
      SourceSample& sample = samples.emplace_back();
      sample.agent = agent_name;
      sample.source = name;
      sample.pid = source.pid;
      sample.cpu_percent = measured ? static_cast<double>(source.cpu_ns) * 1e-9 / elapsed * 100 : 0;
      sample.rss_bytes = source.rss_bytes;
      aggregate.cpu_percent += sample.cpu_percent;
      if (!source.rss_bytes) aggregate.rss_bytes.reset();
      if (aggregate.rss_bytes) *aggregate.rss_bytes += *source.rss_bytes;
      source.cpu_ns = 0;
      source.ticked = true;
    }
    samples.push_back(std::move(aggregate));
  }
  return samples;
}

}  // namespace agent_exporter::ledger
