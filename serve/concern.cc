#include "serve/concern.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "agents/sample_lookup.h"
#include "base/units.h"
#include "collectors/family.h"

namespace agent_exporter::serve {
namespace {

using agents::ResourceUse;
using Resource = ResourceUse::Resource;

constexpr double kDiedSeconds = 900;    // for so long its end is worth a word
constexpr double kFullAtTheEnd = 0.95;  // that is probably why

const char* Words(Resource resource) {
  switch (resource) {
    case Resource::kFds:
      return "file descriptors";
    case Resource::kMemory:
      return "memory";
    case Resource::kPids:
      return "processes and threads";
    case Resource::kInotifyInstances:
      return "inotify instances";
    case Resource::kInotifyWatches:
      return "file watches";
    case Resource::kPtys:
      return "terminals";
  }
  return "";
}

std::string Amount(Resource resource, double amount) {
  return resource == Resource::kMemory ? base::Bytes(amount) : base::Count(static_cast<uint64_t>(amount));
}

std::string Who(const agents::ProcessSample& process) {
  return fmt::format("{} (pid {})", process.command, process.key.pid);
}

// ", 940 of them pipes"; "" where nobody looked at what they are.
std::string MainKind(const agents::ProcessSample* holder, Resource resource) {
  if (resource != Resource::kFds || holder == nullptr || holder->descriptors == nullptr) return "";
  const kernel::DescriptorKinds& kinds = *holder->descriptors;
  const std::optional<kernel::DescriptorKind> main = kinds.main();
  if (!main) return "";
  return fmt::format(", {} of them {}", kinds.whole ? base::Count(kinds.of(*main)) : "most", InWords(*main));
}

// A growth that is easy to imagine: a minute, an hour or a day.
std::string Growth(Resource resource, double per_second) {
  for (const auto& [seconds, unit] : {std::pair(60.0, "a minute"), std::pair(3600.0, "an hour")}) {
    if (per_second * seconds >= 1) return fmt::format("+{} {}", Amount(resource, per_second * seconds), unit);
  }
  return fmt::format("+{} a day", Amount(resource, std::ceil(per_second * 86400)));
}

// What was probably the reason that it ended.
std::string AtTheEnd(Resource resource, double ratio) {
  if (resource != Resource::kFds) {
    return fmt::format("of its limit of {} {:.0f} % were used", Words(resource), ratio * 100);
  }
  return ratio > 0.995 ? "its descriptor table was full"
                       : fmt::format("its descriptor table was {:.0f} % full", ratio * 100);
}

std::string Advice(const agents::AgentSample& agent, const ResourceUse& use) {
  const agents::ProcessSample* holder = agents::FindProcess(agent, use.holder);
  const std::string snapshot = fmt::format("agent_exporter snapshot --agent {} --print", agent.name);
  if (use.resource == Resource::kFds && holder != nullptr) {
    return fmt::format(
        "agent_exporter fds {} shows which; prlimit --pid {} --nofile shows if its limit can rise",
        holder->key.pid, holder->key.pid);
  }
  if (use.resource == Resource::kMemory) return snapshot + ", then restart it before it is killed";
  if (use.resource == Resource::kPids && !agent.processes.empty()) {
    return fmt::format("pstree -p {} shows them", agent.processes.front().key.pid);
  }
  return snapshot;
}

}  // namespace

const char* Name(Concern::Severity severity) {
  switch (severity) {
    case Concern::Severity::kPage:
      return "page";
    case Concern::Severity::kNear:
      return "near";
    case Concern::Severity::kTicket:
      return "ticket";
    case Concern::Severity::kDied:
      return "died";
    case Concern::Severity::kDown:
      return "down";
    case Concern::Severity::kNone:
      break;
  }
  return "none";
}

std::string LeakSentence(const agents::AgentSample& agent, const agents::LeakEvidence& leak) {
  const Resource resource = leak.resource;
  const agents::ProcessSample* holder = agents::FindProcess(agent, leak.use.holder);
  // The holder is the largest; what grows may be many small ones.
  std::string grown;
  if (leak.grown && (holder == nullptr || leak.grown->command != holder->command)) {
    grown = fmt::format("; {} grew most, by {}", leak.grown->command,
                        Amount(resource, static_cast<double>(leak.grown->bytes)));
  }
  return fmt::format("out of {} in {}: {} {} of {}{}, {}{}", Words(resource),
                     base::Duration(leak.seconds_to_limit),
                     holder == nullptr ? "it uses" : Who(*holder) + " holds",
                     Amount(resource, static_cast<double>(leak.use.used)),
                     Amount(resource, static_cast<double>(leak.use.limit)), MainKind(holder, resource),
                     Growth(resource, leak.growth_per_second), grown);
}

std::string NearLimitSentence(const agents::AgentSample& agent, const ResourceUse& use) {
  const agents::ProcessSample* holder = agents::FindProcess(agent, use.holder);
  return fmt::format("{} of {} {} {} used{}{}", Amount(use.resource, static_cast<double>(use.used)),
                     Amount(use.resource, static_cast<double>(use.limit)), Words(use.resource),
                     use.resource == Resource::kMemory ? "is" : "are",
                     holder == nullptr ? "" : ", by " + Who(*holder), MainKind(holder, use.resource));
}

Concern ConcernOf(const agents::AgentSample& agent, double wall_seconds) {
  Concern concern;
  const auto raise = [&](Concern::Severity severity, std::string sentence, std::string advice) {
    if (severity < concern.severity) concern = {severity, std::move(sentence), std::move(advice)};
  };
  // Of several leaks the one that ends first, of several limits the fullest.
  const agents::LeakEvidence* first = nullptr;
  for (const agents::LeakEvidence& leak : agent.leaks) {
    const bool sooner = first == nullptr || leak.page > first->page ||
                        (leak.page == first->page && leak.seconds_to_limit < first->seconds_to_limit);
    if (sooner) first = &leak;
  }
  if (first != nullptr) {
    raise(first->page ? Concern::Severity::kPage : Concern::Severity::kTicket, LeakSentence(agent, *first),
          Advice(agent, first->use));
  }
  const ResourceUse* const fullest = agents::FullestLimit(agent);
  if (fullest != nullptr && fullest->ratio() >= kNearLimit) {
    raise(Concern::Severity::kNear, NearLimitSentence(agent, *fullest), Advice(agent, *fullest));
  }
  if (agent.last_exit && wall_seconds - agent.last_exit->wall_seconds < kDiedSeconds) {
    for (const auto& [resource, ratio] : agent.last_exit->used_ratio) {
      if (ratio < kFullAtTheEnd) continue;
      raise(Concern::Severity::kDied,
            fmt::format("ended {} ago: {}", base::Duration(wall_seconds - agent.last_exit->wall_seconds),
                        AtTheEnd(resource, ratio)),
            "");
    }
  }
  if (agent.configured && collectors::Instances(agent) == 0) {
    raise(Concern::Severity::kDown, "does not run", "");
  }
  return concern;
}

std::vector<const agents::AgentSample*> WorstFirst(const agents::Observation& observation) {
  struct Entry {
    const agents::AgentSample* agent;
    Concern::Severity severity;
  };
  std::vector<Entry> entries;
  for (const agents::AgentSample& agent : observation.agents) {
    entries.push_back({&agent, ConcernOf(agent, observation.wall_seconds).severity});
  }
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    if (a.severity != b.severity) return a.severity < b.severity;
    return a.agent->tree_cpu_ratio > b.agent->tree_cpu_ratio;
  });
  std::vector<const agents::AgentSample*> agents;
  for (const Entry& entry : entries) agents.push_back(entry.agent);
  return agents;
}

}  // namespace agent_exporter::serve
