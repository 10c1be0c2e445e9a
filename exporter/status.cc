// `agent_exporter status`: the agents that run now, for a person (a table) or a script (JSON).

#include <algorithm>
#include <array>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agents/resource_names.h"
#include "agents/sample_lookup.h"
#include "base/json_path.h"
#include "base/units.h"
#include "exporter/commands.h"
#include "exporter/running_service.h"
#include "exporter/text_table.h"
#include "serve/agent_json.h"
#include "serve/concern.h"
#include "sessions/one_look.h"

namespace agent_exporter::exporter {
namespace {

constexpr std::chrono::milliseconds kRatioSpan{400};
constexpr std::chrono::milliseconds kLiveSpan{2000};
constexpr char kAbsent[] = "-";

using Json = nlohmann::ordered_json;
// The flat keys of `status --json`, and where serve/agent_json.h has their values.
struct FlatKey {
  const char* key;
  const char* path;
};
constexpr FlatKey kFlatKeys[] = {{"processes", "tree.processes"},
                                 {"cpu_usage_ratio", "tree.cpu_usage_ratio"},
                                 {"self_resident_memory_bytes", "self.resident_memory_bytes"},
                                 {"tree_resident_memory_bytes", "tree.resident_memory_bytes"},
                                 {"self_open_fds", "self.open_fds"},
                                 {"self_max_fds", "self.max_fds"},
                                 {"tree_open_fds", "tree.open_fds"},
                                 {"orphans", "orphans.processes"}};

// One agent with the flat keys. Three keys differ from /agents: `processes` and `orphans` are counts here,
// and `tree` lists the processes.
Json StatusOf(const agents::AgentSample& agent, const agents::Observation& observation,
              const sessions::MetaSource& meta, const sessions::SessionSource& sessions) {
  const Json shared = serve::AgentJson(agent, observation, meta, sessions);
  Json entry = shared;
  entry["tree"] = shared["processes"];
  entry["processes"] = 0;  // for an agent that is down
  entry["cpu_usage_ratio"] = 0;
  for (const FlatKey& flat : kFlatKeys) {
    if (const Json* value = base::AtPath(shared, flat.path)) entry[flat.key] = *value;
  }
  return entry;
}

std::string NearestLimit(const agents::AgentSample& agent) {
  const agents::ResourceUse* const tightest = agents::FullestLimit(agent);
  if (tightest == nullptr) return kAbsent;
  return absl::StrFormat("%s %.0f%%", Name(tightest->resource), tightest->ratio() * 100);
}

std::string FullName(const agents::AgentSample& agent) {
  std::string name = agent.name;
  if (!agent.slot.empty()) absl::StrAppend(&name, "/", agent.slot);
  return name;
}

std::vector<std::string> Row(const agents::AgentSample& agent, const agents::Observation& observation) {
  const Json status = StatusOf(agent, observation, {}, {});
  const auto cell = [&status](const char* key, const auto& text) -> std::string {
    const auto value = status.find(key);
    return value == status.end() ? kAbsent : text(*value);
  };
  const auto count = [&cell](const char* key) {
    return cell(key, [](const Json& value) { return value.dump(); });
  };
  const auto bytes = [&cell](const char* key) {
    return cell(key, [](const Json& value) { return base::Bytes(value.get<double>()); });
  };
  return {FullName(agent),
          status["up"] ? "up" : "down",
          count("processes"),
          absl::StrFormat("%.0f%%", status["cpu_usage_ratio"].get<double>() * 100),
          bytes("self_resident_memory_bytes"),
          bytes("tree_resident_memory_bytes"),
          absl::StrCat(count("self_open_fds"), "/", count("self_max_fds")),
          count("tree_open_fds"),
          count("children"),
          count("orphans"),
          count("zombies"),
          cell("uptime_seconds", [](const Json& value) { return base::Duration(value.get<double>()); }),
          NearestLimit(agent)};
}

Json TerseStatus(const Json& agent) {
  return base::Terse(agent, {"agent",
                             "kind",
                             "slot",
                             "up",
                             "instances",
                             "processes",
                             "cpu_usage_ratio",
                             "self_resident_memory_bytes",
                             "tree_resident_memory_bytes",
                             "self_open_fds",
                             "self_max_fds",
                             "tree_open_fds",
                             "children",
                             "orphans",
                             "zombies",
                             "uptime_seconds",
                             "agent_meta.alive",
                             "agent_meta.subagents",
                             "agent_meta.context_pct",
                             "agent_meta.current_tool",
                             "agent_meta.last_activity",
                             "agent_meta.model"});
}

}  // namespace

std::string WideStatusTable(const agents::Observation& observation) {
  std::vector<std::vector<std::string>> rows = {{"AGENT", "STATE", "PROCESSES", "CPU", "SELF", "TREE",
                                                 "FDS/MAX", "TREE FDS", "CHILDREN", "ORPHANS", "ZOMBIES",
                                                 "UPTIME", "NEAREST LIMIT"}};
  for (const agents::AgentSample* agent : serve::WorstFirst(observation))
    rows.push_back(Row(*agent, observation));
  for (auto& row : rows) {
    for (std::string& cell : row) cell = Printable(cell);
  }
  std::string table;
  for (const std::string& line : AlignedRows(rows, 2)) absl::StrAppend(&table, line, "\n");
  return table;
}

std::string StatusJson(const agents::Observation& observation, const sessions::MetaSource& meta, bool terse,
                       const sessions::SessionSource& sessions) {
  Json agents = Json::array();
  for (const agents::AgentSample& agent : observation.agents) {
    Json entry = StatusOf(agent, observation, meta, sessions);
    agents.push_back(terse ? TerseStatus(entry) : std::move(entry));
  }
  return PrintableJson(
      Json{{"agents", std::move(agents)}}.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

namespace {

int StatusOfService(const RunningService& service, const Options& options, std::ostream& out,
                    std::ostream& err) {
  while (true) {
    const auto answer = service.Ask(
        {{"ask", "status"}, {"json", options.json}, {"terse", options.terse}, {"wide", options.wide}});
    if (!answer.ok()) return Fail(answer.status(), err);
    if (options.live) out << kClearScreen;
    out << *answer;
    if (!options.json) out << "From " << service.Text() << ".\n";
    out << std::flush;
    if (!options.live || !out.good()) return 0;
    std::this_thread::sleep_for(kLiveSpan);
  }
}

int StatusOfOwnLook(const Options& options, const std::string& why, std::ostream& out, std::ostream& err) {
  auto watch = MakeOneShotWatch(options);
  if (!watch.ok()) return Fail(watch.status(), err);
  auto config = LoadConfig(options.config_file);
  if (!config.ok()) return Fail(config.status(), err);
  sessions::OneLook look(config->sessions, config->meta, options.procfs, [&err](const std::string& line) {
    err << "agent_exporter: warning: " << Printable(line) << std::endl;
  });
  const auto sessions_of = [&look](const agents::AgentSample& agent) { return look.Sessions(agent); };
  const auto meta_of = [&look](const agents::AgentSample& agent) { return look.Meta(agent); };
  // Two samples: a CPU ratio needs an interval.
  auto observation = (*watch)->observer().Observe(true);
  for (std::chrono::milliseconds pause = kRatioSpan; observation.ok(); pause = kLiveSpan) {
    std::this_thread::sleep_for(pause);
    observation = (*watch)->observer().Observe(true);
    if (!observation.ok()) break;
    if (options.live) out << kClearScreen;
    if (!options.wide) look.Look(**observation);
    if (options.json) {
      out << StatusJson(**observation, meta_of, options.terse, sessions_of);
    } else {
      out << (options.wide ? WideStatusTable(**observation) : StatusTable(**observation, sessions_of));
      out << "From a look of its own, which cannot see leaks: " << why << ".\n";
    }
    out << std::flush;
    if (!options.live || !out.good()) return 0;
  }
  return Fail(observation.status(), err);
}

}  // namespace

int RunStatus(const Options& options, std::ostream& out, std::ostream& err) {
  const auto service = FindService(options);
  if (service.ok()) return StatusOfService(*service, options, out, err);
  if (absl::IsFailedPrecondition(service.status())) return Fail(service.status(), err);
  return StatusOfOwnLook(options, std::string(service.status().message()), out, err);
}

}  // namespace agent_exporter::exporter
