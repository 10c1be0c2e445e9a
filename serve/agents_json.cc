#include "serve/agents_json.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agents/resource_names.h"
#include "base/build_info.h"
#include "base/host_name.h"
#include "base/label_value.h"
#include "http/gzip_response.h"
#include "serve/agent_json.h"

namespace agent_exporter::serve {
namespace {

using Json = nlohmann::ordered_json;

// Several open pages poll every two seconds and share an observation.
constexpr std::chrono::milliseconds kShareWithin{1000};
constexpr std::chrono::milliseconds kTimeout{5000};

Json Leaks(const agents::AgentSample& agent) {
  Json leaks = Json::array();
  for (const agents::LeakEvidence& leak : agent.leaks) {
    Json entry = {{"scope", Name(leak.scope)},
                  {"resource", Name(leak.resource)},
                  {"severity", leak.page ? "page" : "ticket"},
                  {"growth_per_second", leak.growth_per_second},
                  {"seconds_to_limit", leak.seconds_to_limit},
                  {"evidence_span_seconds", leak.evidence_span_seconds},
                  {"pid", nullptr}};
    if (leak.use.holder.pid != 0) entry["pid"] = leak.use.holder.pid;
    leaks.push_back(std::move(entry));
  }
  return leaks;
}

// What AgentJson has, and what happened since the exporter started.
Json Agent(const agents::AgentSample& agent, const agents::Observation& observation,
           const sessions::MetaSource& meta, const sessions::SessionSource& sessions) {
  Json entry = AgentJson(agent, observation, meta, sessions);
  const agents::AgentCounters& counters = agent.counters;
  entry["restarts"] = counters.restarts;
  entry["oom_kills"] = counters.oom_kills;
  entry["descendants_started"] = counters.descendants_started;
  entry["exits"] = Json::object();
  for (const auto& [reason, count] : counters.descendants_exited) entry["exits"][reason] = count;
  entry["self_cpu_seconds"] = static_cast<double>(counters.self_cpu.total_ns()) / 1e9;
  entry["descendants_cpu_seconds"] = static_cast<double>(counters.descendants_cpu.total_ns()) / 1e9;
  entry["leaks"] = Leaks(agent);
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
  Json entry = {{"name", base::HostName()}};
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

std::string AgentsJson(const agents::Observation& observation, const std::vector<std::string>& names,
                       const sessions::MetaSource& meta, const sessions::SessionSource& sessions) {
  Json agents = Json::array();
  for (const agents::AgentSample& agent : observation.agents) {
    if (!names.empty() && std::find(names.begin(), names.end(), agent.name) == names.end()) continue;
    agents.push_back(Agent(agent, observation, meta, sessions));
  }
  return Json{{"timestamp_seconds", observation.wall_seconds},
              {"exporter", Exporter(observation)},
              {"host", Host(observation.host)},
              {"agents", std::move(agents)}}
             .dump(-1, ' ', false, Json::error_handler_t::replace) +
         "\n";
}

http::HttpHandler AgentsHandler(Sampler& sampler, sessions::MetaSource meta,
                                sessions::SessionSource sessions) {
  return [&sampler, meta = std::move(meta),
          sessions = std::move(sessions)](const http::HttpRequest& request) {
    const auto observation = sampler.Fresh(kShareWithin, kTimeout);
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
          .body = absl::StrCat("no agent has the name \"", base::LabelValue(*unknown), "\"; the agents are: ",
                               absl::StrJoin(observation->agents, ", ",
                                             [](std::string* out, const agents::AgentSample& agent) {
                                               out->append(agent.name);
                                             }),
                               "\n")};
    }
    http::HttpResponse response{.content_type = "application/json",
                                .body = AgentsJson(*observation, names, meta, sessions)};
    http::GzipIfAccepted(request, &response);
    return response;
  };
}

}  // namespace agent_exporter::serve
