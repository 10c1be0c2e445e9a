#include "serve/agent_json.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "base/label_value.h"
#include "collectors/family.h"
#include "serve/concern.h"
#include "sessions/session_json.h"

namespace agent_exporter::serve {
namespace {

using Json = nlohmann::ordered_json;

bool Anyone(const agents::ProcessSample&) { return true; }

const char* RoleName(const agents::ProcessSample& process) {
  if (collectors::IsRoot(process)) return "root";
  if (process.orphan) return "orphan";
  return process.direct_child ? "child" : "descendant";
}

// The sums over one scope.
template <typename Pick>
Json Sums(const agents::AgentSample& agent, Pick pick) {
  Json sums = {{"processes", std::count_if(agent.processes.begin(), agent.processes.end(), pick)}};
  double cpu = 0;
  uint64_t threads = 0;
  for (const agents::ProcessSample& process : agent.processes) {
    if (!pick(process)) continue;
    cpu += process.cpu_ratio;
    threads += process.state == 'Z' ? 0 : process.threads;
  }
  sums["cpu_usage_ratio"] = cpu;
  sums["threads"] = threads;
  Put(sums, "resident_memory_bytes", collectors::SumOver(agent, pick, [](const agents::ProcessSample& p) {
        return p.usage.resident_bytes;
      }));
  Put(sums, "virtual_memory_bytes",
      collectors::SumOver(agent, pick, [](const agents::ProcessSample& p) { return p.usage.virtual_bytes; }));
  Put(sums, "open_fds",
      collectors::SumOver(agent, pick, [](const agents::ProcessSample& p) { return p.usage.open_fds; }));
  return sums;
}

Json Process(const agents::ProcessSample& process, const agents::Observation& observation) {
  Json row = {{"pid", process.key.pid},
              {"ppid", process.ppid},
              {"session", process.session},
              {"comm", base::LabelValue(process.comm)},
              {"command", process.command},
              {"role", RoleName(process)},
              {"state", std::string(1, process.state)},
              {"threads", process.threads},
              {"cpu_usage_ratio", process.cpu_ratio},
              {"age_seconds", process.age_seconds},
              {"start_time_seconds", observation.StartTimeSeconds(process.key)}};
  Put(row, "resident_memory_bytes", process.usage.resident_bytes);
  Put(row, "open_fds", process.usage.open_fds);
  Put(row, "max_fds", process.limits.open_files);
  if (process.descriptors != nullptr && process.descriptors->whole) {
    row["open_fds_by_kind"] = process.descriptors->ByName();
  }
  if (process.reason != nullptr) {
    row["matched"] = {{"origin", base::LabelValue(process.reason->origin)},
                      {"rule", base::LabelValue(process.reason->rule)},
                      {"what", process.reason->what}};
  }
  return row;
}

// By command, the most CPU first.
Json Commands(const agents::AgentSample& agent, const agents::Observation& observation) {
  std::vector<agents::CommandUse> uses = agent.commands;
  std::stable_sort(uses.begin(), uses.end(),
                   [](const auto& a, const auto& b) { return a.cpu_ns > b.cpu_ns; });
  Json commands = Json::array();
  for (const agents::CommandUse& use : uses) {
    const auto is_it = [&](const agents::ProcessSample& process) {
      if (!collectors::IsDescendant(process) || process.state == 'Z') return false;
      const bool named = std::any_of(uses.begin(), uses.end(), [&process](const agents::CommandUse& other) {
        return other.command == process.command;
      });
      return named ? process.command == use.command : use.command == agents::kOtherCommands;
    };
    Json row = {{"command", use.command},
                {"cpu_seconds", static_cast<double>(use.cpu_ns) / 1e9},
                {"started", use.started},
                {"failed", use.failed},
                {"processes", std::count_if(agent.processes.begin(), agent.processes.end(), is_it)}};
    if (use.max_resident_bytes > 0) row["max_resident_memory_bytes"] = use.max_resident_bytes;
    if (row["processes"] > 0) {
      Put(row, "resident_memory_bytes", collectors::SumOver(agent, is_it, [](const agents::ProcessSample& p) {
            return p.usage.resident_bytes;
          }));
      uint64_t orphans = 0;
      double oldest = observation.wall_seconds;
      for (const agents::ProcessSample& process : agent.processes) {
        if (!is_it(process)) continue;
        orphans += process.orphan ? 1 : 0;
        oldest = std::min(oldest, observation.StartTimeSeconds(process.key));
      }
      row["orphans"] = orphans;
      row["oldest_start_seconds"] = oldest;
    }
    commands.push_back(std::move(row));
  }
  return commands;
}

Json Resources(const agents::AgentSample& agent) {
  Json resources = Json::array();
  for (const agents::ResourceUse& use : agent.resources) {
    resources.push_back({{"scope", Name(use.scope)},
                         {"resource", Name(use.resource)},
                         {"source", Name(use.source)},
                         {"used", use.used},
                         {"limit", use.limit},
                         {"used_ratio", use.ratio()}});
  }
  return resources;
}

}  // namespace

Json AgentSummary(const agents::AgentSample& agent) {
  const uint64_t instances = collectors::Instances(agent);
  Json entry = {{"agent", base::LabelValue(agent.name)}};
  if (!agent.kind.empty()) entry["kind"] = base::LabelValue(agent.kind);
  if (!agent.slot.empty()) entry["slot"] = base::LabelValue(agent.slot);
  entry["configured"] = agent.configured;
  entry["up"] = instances > 0;
  entry["instances"] = instances;
  double uptime = 0;
  uint64_t zombies = 0;
  for (const agents::ProcessSample& process : agent.processes) {
    if (collectors::IsLiveRoot(process)) uptime = std::max(uptime, process.age_seconds);
    zombies += process.state == 'Z' ? 1 : 0;
  }
  if (instances > 0) {
    entry["uptime_seconds"] = uptime;
    entry["self"] = Sums(agent, collectors::IsRoot);
    entry["self"]["cpu_usage_ratio"] = agent.self_cpu_ratio;
    Put(entry["self"], "max_fds",
        collectors::SumOver(agent, collectors::IsRoot,
                            [](const agents::ProcessSample& p) { return p.limits.open_files; }));
  }
  if (!agent.processes.empty()) {
    entry["tree"] = Sums(agent, Anyone);
    entry["tree"]["cpu_usage_ratio"] = agent.tree_cpu_ratio;
  }
  const auto live_child = [](const agents::ProcessSample& p) { return p.direct_child && p.state != 'Z'; };
  entry["children"] = std::count_if(agent.processes.begin(), agent.processes.end(), live_child);
  Put(entry, "children_open_fds", collectors::SumOver(agent, live_child, [](const agents::ProcessSample& p) {
        return p.usage.open_fds;
      }));
  entry["zombies"] = zombies;
  entry["orphans"] = Sums(agent, [](const agents::ProcessSample& p) { return p.orphan && p.state != 'Z'; });
  entry["resources"] = Resources(agent);
  return entry;
}

Json AgentJson(const agents::AgentSample& agent, const agents::Observation& observation,
               const sessions::MetaSource& meta, const sessions::SessionSource& sessions) {
  Json entry = AgentSummary(agent);
  const Concern concern = ConcernOf(agent, observation.wall_seconds);
  entry["concern"] = {{"severity", Name(concern.severity)},
                      {"sentence", base::LabelValue(concern.sentence)},
                      {"advice", base::LabelValue(concern.advice)}};
  const std::optional<sessions::AgentMeta> told = meta ? meta(agent) : std::nullopt;
  entry["agent_meta"] = told ? sessions::MetaJson(*told) : Json(nullptr);
  const std::vector<sessions::Session> all = sessions ? sessions(agent) : std::vector<sessions::Session>();
  Json& shown = entry["sessions"] = Json::array();
  for (const sessions::Session& session : all) shown.push_back(sessions::SessionJson(session));
  entry["commands"] = Commands(agent, observation);
  Json& processes = entry["processes"] = Json::array();
  for (const agents::ProcessSample& process : agent.processes) {
    processes.push_back(Process(process, observation));
    const auto session = std::find_if(
        all.begin(), all.end(), [&process](const sessions::Session& one) { return one.key == process.key; });
    if (session != all.end()) processes.back()["session_name"] = session->name;
  }
  return entry;
}

}  // namespace agent_exporter::serve
