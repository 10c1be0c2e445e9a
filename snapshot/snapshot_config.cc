#include "snapshot/snapshot_config.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agents/rules_yaml.h"
#include "base/error_list.h"
#include "base/yaml.h"
#include "hooks/hooks_config.h"
#include "snapshot/diff_event.h"

namespace agent_exporter::snapshot {
namespace {

// As base::ReadYamlTexts, but the list may be empty, which means none instead of the default.
absl::Status ReadNames(const YAML::Node& node, std::string_view file, std::string_view key,
                       std::vector<std::string>* names) {
  if (node.IsDefined() && node.IsSequence() && node.size() == 0) {
    names->clear();
    return absl::OkStatus();
  }
  return base::ReadYamlTexts(node, file, key, names);
}

absl::StatusOr<SidecarOptions> ReadSidecar(const YAML::Node& node, std::string_view file) {
  if (!node.IsMap())
    return base::YamlError(node, file,
                           "a sidecar must be a map, such as {name: proxy, pidfile: /run/proxy.pid}");
  absl::Status status =
      base::CheckYamlKeys(node, file, {"name", "pid", "pidfile", "agent", "comm", "thread"});
  if (!status.ok()) return status;
  SidecarOptions sidecar;
  std::string pid;
  const std::pair<const char*, std::string*> words[] = {
      {"name", &sidecar.name},   {"pid", &pid},           {"pidfile", &sidecar.pidfile},
      {"agent", &sidecar.agent}, {"comm", &sidecar.comm}, {"thread", &sidecar.thread}};
  for (const auto& [key, word] : words) {
    if (status = base::ReadYamlText(node[key], file, key, word); !status.ok()) return status;
  }
  if (sidecar.name.empty()) return base::YamlError(node, file, "a sidecar has no name; add name:");
  if (!pid.empty()) {
    pid_t number = 0;
    const auto parsed = std::from_chars(pid.data(), pid.data() + pid.size(), number);
    if (parsed.ec != std::errc() || parsed.ptr != pid.data() + pid.size() || number <= 0)
      return base::YamlError(node["pid"], file, "pid must be a whole number above 0");
    sidecar.pid = number;
  }
  const int processes = (sidecar.pid ? 1 : 0) + (sidecar.pidfile.empty() ? 0 : 1) +
                        (sidecar.agent.empty() ? 0 : 1) + (sidecar.comm.empty() ? 0 : 1);
  if (processes > 1 || (processes == 0 && sidecar.thread.empty())) {
    return base::YamlError(
        node, file,
        fmt::format("sidecar {}: say which process by exactly one of pid, pidfile, agent and comm, or "
                    "by thread alone for a thread of the agent itself",
                    sidecar.name));
  }
  return sidecar;
}

absl::StatusOr<SnapshotAgent> ReadAgent(const YAML::Node& node, std::string_view file) {
  SnapshotAgent agent;
  if (!node.IsMap()) {
    absl::Status status = base::ReadYamlText(node, file, "an entry of agents", &agent.name);
    if (!status.ok()) return status;
    return agent;
  }
  absl::Status status = base::CheckYamlKeys(node, file, {"name", "session", "sidecars"});
  if (status.ok()) status = base::ReadYamlText(node["name"], file, "name", &agent.name);
  if (status.ok()) status = base::ReadYamlText(node["session"], file, "session", &agent.session);
  if (!status.ok()) return status;
  if (agent.name.empty()) return base::YamlError(node, file, "an agent has no name; add name:");
  const YAML::Node sidecars = node["sidecars"];
  if (!sidecars.IsDefined()) return agent;
  if (!sidecars.IsSequence())
    return base::YamlError(sidecars, file, "sidecars must be a list, each below a dash");
  base::ErrorList errors;
  std::set<std::string> names;
  for (const YAML::Node& item : sidecars) {
    auto sidecar = errors.Take(ReadSidecar(item, file));
    if (!sidecar) continue;
    if (!names.insert(sidecar->name).second)
      errors.Add(
          base::YamlError(item, file, fmt::format("sidecar {} is listed twice; rename one", sidecar->name)));
    agent.sidecars.push_back(*std::move(sidecar));
  }
  if (!errors.empty()) return errors.status();
  return agent;
}

absl::Status ReadAgents(const YAML::Node& node, std::string_view file, std::vector<SnapshotAgent>* agents) {
  if (!node.IsDefined()) return absl::OkStatus();
  if (!node.IsSequence())
    return base::YamlError(node, file, "snapshot's agents must be a list of names, such as [codex]");
  base::ErrorList errors;
  std::set<std::string> names;
  for (const YAML::Node& item : node) {
    auto agent = errors.Take(ReadAgent(item, file));
    if (!agent) continue;
    if (!names.insert(agent->name).second)
      errors.Add(
          base::YamlError(item, file, fmt::format("agent {} is listed twice; remove one", agent->name)));
    agents->push_back(*std::move(agent));
  }
  return errors.status();
}

absl::Status ReadMinimumChange(const YAML::Node& node, std::string_view file,
                               std::map<std::string, MinimumChange>* minimum) {
  if (!node.IsDefined()) return absl::OkStatus();
  if (!node.IsMap())
    return base::YamlError(node, file, "min_change must be a map, such as {load1: 0.5, mem_used_bytes: 5%}");
  for (const auto& entry : node) {
    const std::string text = entry.second.IsScalar() ? entry.second.Scalar() : "";
    MinimumChange change{.percent = text.ends_with('%')};
    const char* const end = text.data() + text.size() - (change.percent ? 1 : 0);
    const auto parsed = std::from_chars(text.data(), end, change.amount);
    if (parsed.ec != std::errc() || parsed.ptr != end || !(change.amount >= 0) || std::isinf(change.amount)) {
      return base::YamlError(
          entry.second, file,
          fmt::format("min_change of {} must be a number or a percentage, such as 0.5 or 5%",
                      entry.first.IsScalar() ? entry.first.Scalar() : "a field"));
    }
    (*minimum)[entry.first.as<std::string>()] = change;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SnapshotConfig> SnapshotFromYaml(const YAML::Node& node, std::string_view file) {
  SnapshotConfig config;
  if (!node.IsDefined() || node.IsNull()) return config;  // `snapshot:` alone: all by default
  if (!node.IsMap()) return base::YamlError(node, file, "snapshot must be a map, such as {interval: 60s}");
  SnapshotOptions& options = config.options;
  base::ErrorList errors;
  errors.Add(base::CheckYamlKeys(node, file,
                                 {"dir", "interval", "agents", "names", "ignore", "min_change", "hooks"}));
  errors.Add(base::ReadYamlText(node["dir"], file, "dir", &options.dir));
  errors.Add(
      base::ReadYamlDuration(node["interval"], file, "interval", std::chrono::seconds(1), &options.interval));
  errors.Add(ReadAgents(node["agents"], file, &options.agents));
  errors.Add(ReadNames(node["names"], file, "names", &options.names));
  errors.Add(ReadNames(node["ignore"], file, "ignore", &options.diff.ignore));
  errors.Add(ReadMinimumChange(node["min_change"], file, &options.diff.minimum));
  if (auto hooks = errors.Take(hooks::HooksFromYaml(node["hooks"], file, {kOnDiff})))
    config.hooks = *std::move(hooks);
  if (!errors.empty()) return errors.status();
  return config;
}

std::string SnapshotDir(const std::string& flag, const std::string& configured) {
  if (!flag.empty()) return ExpandHome(flag);
  return configured.empty() ? DefaultSnapshotDir() : ExpandHome(configured);
}

}  // namespace agent_exporter::snapshot
