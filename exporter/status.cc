// `agent_exporter status`: the agents that run now, for a person (a table) or a script (JSON).

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agents/resource_names.h"
#include "base/json_path.h"
#include "base/label_value.h"
#include "collectors/family.h"
#include "exporter/commands.h"
#include "sessions/meta_reader.h"

namespace agent_exporter::exporter {
namespace {

constexpr std::chrono::milliseconds kRatioSpan{400};
constexpr char kAbsent[] = "-";

using Figure = std::optional<uint64_t>;

std::string Bytes(Figure bytes) {
  if (!bytes) return kAbsent;
  static constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(*bytes);
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return absl::StrFormat("%.*f %s", value < 10 && unit > 0 ? 1 : 0, value, kUnits[unit]);
}

std::string Duration(double seconds) {
  const auto s = static_cast<int64_t>(seconds);
  if (s < 60) return absl::StrCat(s, "s");
  if (s < 3600) return absl::StrCat(s / 60, "m ", s % 60, "s");
  if (s < 86400) return absl::StrCat(s / 3600, "h ", s / 60 % 60, "m");
  return absl::StrCat(s / 86400, "d ", s / 3600 % 24, "h");
}

std::string Count(Figure count) { return count ? absl::StrCat(*count) : kAbsent; }

struct Summary {
  uint64_t instances = 0, processes = 0, children = 0, orphans = 0, zombies = 0;
  double cpu_ratio = 0, uptime = 0;
  Figure self_resident, tree_resident, self_fds, self_max_fds, tree_fds;
};

Summary Summarise(const agents::AgentSample& agent) {
  Summary s;
  const auto any = [](const agents::ProcessSample&) { return true; };
  const auto rss = [](const agents::ProcessSample& p) { return p.usage.resident_bytes; };
  const auto fds = [](const agents::ProcessSample& p) { return p.usage.open_fds; };
  s.instances = collectors::Instances(agent);
  s.processes = agent.processes.size();
  s.cpu_ratio = agent.tree_cpu_ratio;
  for (const agents::ProcessSample& process : agent.processes) {
    const bool zombie = process.state == 'Z';
    s.zombies += zombie ? 1 : 0;
    s.children += process.direct_child && !zombie ? 1 : 0;
    s.orphans += process.orphan && !zombie ? 1 : 0;
    if (collectors::IsLiveRoot(process)) s.uptime = std::max(s.uptime, process.age_seconds);
  }
  if (!agent.processes.empty()) {
    s.tree_resident = collectors::SumOver(agent, any, rss);
    s.tree_fds = collectors::SumOver(agent, any, fds);
  }
  if (s.instances > 0) {
    s.self_resident = collectors::SumOver(agent, collectors::IsRoot, rss);
    s.self_fds = collectors::SumOver(agent, collectors::IsRoot, fds);
    s.self_max_fds = collectors::SumOver(agent, collectors::IsRoot,
                                         [](const agents::ProcessSample& p) { return p.limits.open_files; });
  }
  return s;
}

std::string NearestLimit(const agents::AgentSample& agent) {
  const auto tightest = std::max_element(agent.resources.begin(), agent.resources.end(),
                                         [](const auto& a, const auto& b) { return a.ratio() < b.ratio(); });
  if (tightest == agent.resources.end()) return kAbsent;
  return absl::StrFormat("%s %.0f%%", Name(tightest->resource), tightest->ratio() * 100);
}

std::string FullName(const agents::AgentSample& agent) {
  std::string name = agent.name;
  if (!agent.slot.empty()) absl::StrAppend(&name, "/", agent.slot);
  return name;
}

std::vector<std::string> Row(const agents::AgentSample& agent) {
  const Summary s = Summarise(agent);
  return {FullName(agent),
          s.instances > 0 ? "up" : "down",
          absl::StrCat(s.processes),
          absl::StrFormat("%.0f%%", s.cpu_ratio * 100),
          Bytes(s.self_resident),
          Bytes(s.tree_resident),
          absl::StrCat(Count(s.self_fds), "/", Count(s.self_max_fds)),
          Count(s.tree_fds),
          absl::StrCat(s.children),
          absl::StrCat(s.orphans),
          absl::StrCat(s.zombies),
          s.instances > 0 ? Duration(s.uptime) : kAbsent,
          NearestLimit(agent)};
}

// Cells a column need, in characters rather than bytes.
size_t Width(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

// The name comes from somebody's process: nothing in it may drive the terminal.
std::string Printable(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text;
}

nlohmann::ordered_json TerseStatus(const nlohmann::ordered_json& agent) {
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

std::string StatusTable(const agents::Observation& observation) {
  std::vector<std::vector<std::string>> rows = {{"AGENT", "STATE", "PROCESSES", "CPU", "SELF", "TREE",
                                                 "FDS/MAX", "TREE FDS", "CHILDREN", "ORPHANS", "ZOMBIES",
                                                 "UPTIME", "NEAREST LIMIT"}};
  for (const agents::AgentSample& agent : observation.agents) rows.push_back(Row(agent));
  if (rows.size() == 1) {
    return "No agent runs now. Well-known agents are found by themselves; your own need a rule in "
           "--config.file.\n";
  }
  std::vector<size_t> widths(rows[0].size(), 0);
  for (auto& row : rows) {
    row[0] = Printable(row[0]);
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string table;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - Width(row[i]), ' ');
      const bool left = i < 2;  // words to the left, figures to the right
      absl::StrAppend(&table, i == 0 ? "" : "  ", left ? row[i] : padding, left ? padding : row[i]);
    }
    absl::StrAppend(&table, "\n");
  }
  return table;
}

std::string StatusJson(const agents::Observation& observation, const sessions::MetaSource& meta, bool terse) {
  nlohmann::ordered_json agents = nlohmann::ordered_json::array();
  for (const agents::AgentSample& agent : observation.agents) {
    const Summary s = Summarise(agent);
    nlohmann::ordered_json entry = {
        {"agent", agent.name}, {"up", s.instances > 0}, {"instances", s.instances}};
    if (!agent.kind.empty()) entry["kind"] = agent.kind;
    if (!agent.slot.empty()) entry["slot"] = agent.slot;
    const auto put = [&entry](const char* key, Figure value) {
      if (value) entry[key] = *value;
    };
    entry["configured"] = agent.configured;
    entry["processes"] = s.processes;
    entry["cpu_usage_ratio"] = s.cpu_ratio;
    put("self_resident_memory_bytes", s.self_resident);
    put("tree_resident_memory_bytes", s.tree_resident);
    put("self_open_fds", s.self_fds);
    put("self_max_fds", s.self_max_fds);
    put("tree_open_fds", s.tree_fds);
    entry["children"] = s.children;
    entry["orphans"] = s.orphans;
    entry["zombies"] = s.zombies;
    if (s.instances > 0) entry["uptime_seconds"] = std::floor(s.uptime);
    for (const agents::ProcessSample& process : agent.processes) {
      nlohmann::ordered_json row = {{"pid", process.key.pid},
                                    {"ppid", process.ppid},
                                    {"comm", base::LabelValue(process.comm)},
                                    {"role", collectors::IsRoot(process) ? "root"
                                             : process.orphan            ? "orphan"
                                                                         : "descendant"},
                                    {"state", std::string(1, process.state)}};
      if (process.usage.resident_bytes) row["resident_memory_bytes"] = *process.usage.resident_bytes;
      if (process.usage.open_fds) row["open_fds"] = *process.usage.open_fds;
      entry["tree"].push_back(std::move(row));
    }
    const std::optional<sessions::AgentMeta> told = meta ? meta(agent) : std::nullopt;
    entry["agent_meta"] = told ? sessions::MetaJson(*told) : nlohmann::ordered_json(nullptr);
    agents.push_back(terse ? TerseStatus(entry) : std::move(entry));
  }
  return nlohmann::ordered_json{{"agents", std::move(agents)}}.dump(
             2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
         "\n";
}

int RunStatus(const Options& options, std::ostream& out, std::ostream& err) {
  auto watch = MakeOneShotWatch(options);
  if (!watch.ok()) return Fail(watch.status(), err);
  // Two looks: a CPU ratio needs a span.
  auto observation = (*watch)->observer().Observe(true);
  if (observation.ok()) {
    std::this_thread::sleep_for(kRatioSpan);
    observation = (*watch)->observer().Observe(true);
  }
  if (!observation.ok()) return Fail(observation.status(), err);
  if (!options.json) {
    out << StatusTable(**observation);
    return 0;
  }
  auto config = LoadConfig(options.config_file);
  if (!config.ok()) return Fail(config.status(), err);
  sessions::MetaReader meta(config->meta, options.procfs, [&err](const std::string& line) {
    err << "agent_exporter: warning: " << line << std::endl;
  });
  out << StatusJson(
      **observation, [&meta](const agents::AgentSample& agent) { return meta.Read(agent); }, options.terse);
  return 0;
}

}  // namespace agent_exporter::exporter
