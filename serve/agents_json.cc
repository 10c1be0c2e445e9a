#include "serve/agents_json.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/build_info.h"
#include "base/label_value.h"
#include "collectors/family.h"
#include "http/gzip_response.h"

namespace agent_exporter::serve {
namespace {

using Json = nlohmann::ordered_json;

// The page asks every few seconds, and several may be open.
constexpr std::chrono::milliseconds kShareWithin{1000};
constexpr std::chrono::milliseconds kPatience{5000};

template <typename Value>
void Put(Json& object, const char* key, const std::optional<Value>& value) {
  if (value) object[key] = *value;
}

bool Anyone(const agents::ProcessSample&) { return true; }

const char* RoleName(const agents::ProcessSample& process) {
  if (collectors::IsRoot(process)) return "root";
  if (process.orphan) return "orphan";
  return process.direct_child ? "child" : "descendant";
}

// One scope's sums.
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
              {"role", RoleName(process)},
              {"state", std::string(1, process.state)},
              {"threads", process.threads},
              {"cpu_usage_ratio", process.cpu_ratio},
              {"age_seconds", process.age_seconds},
              {"start_time_seconds", observation.StartTimeSeconds(process.key)}};
  Put(row, "resident_memory_bytes", process.usage.resident_bytes);
  Put(row, "open_fds", process.usage.open_fds);
  Put(row, "max_fds", process.limits.open_files);
  if (process.reason != nullptr) {
    row["matched"] = {{"origin", base::LabelValue(process.reason->origin)},
                      {"rule", base::LabelValue(process.reason->rule)},
                      {"what", process.reason->what}};
  }
  return row;
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

Json Leaks(const agents::AgentSample& agent) {
  Json leaks = Json::array();
  for (const agents::LeakEvidence& leak : agent.leaks) {
    Json entry = {{"scope", Name(leak.scope)},
                  {"resource", Name(leak.resource)},
                  {"growth_per_second", leak.growth_per_second},
                  {"seconds_to_limit", nullptr},
                  {"evidence_span_seconds", leak.evidence_span_seconds}};
    if (std::isfinite(leak.seconds_to_limit)) entry["seconds_to_limit"] = leak.seconds_to_limit;
    leaks.push_back(std::move(entry));
  }
  return leaks;
}

Json Agent(const agents::AgentSample& agent, const agents::Observation& observation) {
  const uint64_t instances = collectors::Instances(agent);
  Json entry = {{"agent", agent.name}};
  if (!agent.kind.empty()) entry["kind"] = agent.kind;
  if (!agent.slot.empty()) entry["slot"] = agent.slot;
  entry["configured"] = agent.configured;
  entry["up"] = instances > 0;
  entry["instances"] = instances;
  double uptime = 0;
  uint64_t zombies = 0, children = 0;
  for (const agents::ProcessSample& process : agent.processes) {
    if (collectors::IsLiveRoot(process)) uptime = std::max(uptime, process.age_seconds);
    zombies += process.state == 'Z' ? 1 : 0;
    children += process.direct_child && process.state != 'Z' ? 1 : 0;
  }
  if (instances > 0) {
    entry["uptime_seconds"] = uptime;
    entry["self"] = Sums(agent, collectors::IsRoot);
    Put(entry["self"], "max_fds",
        collectors::SumOver(agent, collectors::IsRoot,
                            [](const agents::ProcessSample& p) { return p.limits.open_files; }));
  }
  if (!agent.processes.empty()) entry["tree"] = Sums(agent, Anyone);
  entry["children"] = children;
  entry["zombies"] = zombies;
  entry["orphans"] = Sums(
      agent, [](const agents::ProcessSample& process) { return process.orphan && process.state != 'Z'; });
  const agents::AgentCounters& counters = agent.counters;
  entry["restarts"] = counters.restarts;
  entry["oom_kills"] = counters.oom_kills;
  entry["descendants_started"] = counters.descendants_started;
  entry["exits"] = Json::object();
  for (const auto& [reason, count] : counters.descendants_exited) entry["exits"][reason] = count;
  entry["self_cpu_seconds"] = static_cast<double>(counters.self_cpu.total_ns()) / 1e9;
  entry["descendants_cpu_seconds"] = static_cast<double>(counters.descendants_cpu.total_ns()) / 1e9;
  entry["resources"] = Resources(agent);
  entry["leaks"] = Leaks(agent);
  Json& processes = entry["processes"] = Json::array();
  for (const agents::ProcessSample& process : agent.processes)
    processes.push_back(Process(process, observation));
  return entry;
}

Json Exporter(const agents::Observation& observation) {
  const base::BuildInfo build = base::GetBuildInfo();
  Json exporter = {{"version", build.version},
                   {"revision", build.revision},
                   {"process_source", observation.process_source},
                   {"process_events", observation.process_events}};
  Put(exporter, "events_lost", observation.events_lost);
  exporter["agents_folded"] = observation.agents_folded;
  Json& unreadable = exporter["unreadable"] = Json::array();
  for (const auto& [key, count] : observation.unreadable) {
    unreadable.push_back({{"file", key.first}, {"reason", key.second}, {"count", count}});
  }
  return exporter;
}

Json Host(const kernel::HostSample& host) {
  Json entry = Json::object();
  if (host.memory) {
    entry["memory_total_bytes"] = host.memory->total;
    entry["memory_used_bytes"] = host.memory->used;
    entry["memory_available_bytes"] = host.memory->available;
  }
  if (host.load) {
    entry["load"] = host.load->average;
    entry["threads"] = host.load->threads;
  }
  Put(entry, "processes", host.processes);
  Put(entry, "pid_max", host.pid_max);
  Put(entry, "threads_max", host.threads_max);
  Put(entry, "open_fds", host.open_fds);
  Put(entry, "max_fds", host.max_fds);
  return entry;
}

}  // namespace

std::string AgentsJson(const agents::Observation& observation, const std::vector<std::string>& names) {
  Json agents = Json::array();
  for (const agents::AgentSample& agent : observation.agents) {
    if (!names.empty() && std::find(names.begin(), names.end(), agent.name) == names.end()) continue;
    agents.push_back(Agent(agent, observation));
  }
  return Json{{"timestamp_seconds", observation.wall_seconds},
              {"exporter", Exporter(observation)},
              {"host", Host(observation.host)},
              {"agents", std::move(agents)}}
             .dump(-1, ' ', false, Json::error_handler_t::replace) +
         "\n";
}

http::HttpHandler AgentsHandler(Sampler& sampler) {
  return [&sampler](const http::HttpRequest& request) {
    const auto observation = sampler.Fresh(kShareWithin, kPatience);
    if (observation == nullptr) {
      return http::HttpResponse{.status = 503,
                                .body = "The last look at processes is too old to be shown.\n"};
    }
    const std::vector<std::string> names = request.QueryValues("agent");
    const auto unknown = std::find_if(names.begin(), names.end(), [&](const std::string& name) {
      return std::none_of(observation->agents.begin(), observation->agents.end(),
                          [&name](const agents::AgentSample& agent) { return agent.name == name; });
    });
    if (unknown != names.end()) {
      return http::HttpResponse{
          .status = 404,
          .body = absl::StrCat("no agent is called \"", base::LabelValue(*unknown), "\"; there are: ",
                               absl::StrJoin(observation->agents, ", ",
                                             [](std::string* out, const agents::AgentSample& agent) {
                                               out->append(agent.name);
                                             }),
                               "\n")};
    }
    http::HttpResponse response{.content_type = "application/json", .body = AgentsJson(*observation, names)};
    http::GzipIfAccepted(request, &response);
    return response;
  };
}

}  // namespace agent_exporter::serve
