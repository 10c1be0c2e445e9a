#include "hooks/hooks_config.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <utility>

#include "agents/rules_yaml.h"
#include "agents/script_name.h"
#include "base/error_list.h"
#include "base/label_value.h"
#include "base/yaml.h"

namespace agent_exporter::hooks {
namespace {

// The host of a URL, without user, port and path: those may be secret.
std::string HostOf(std::string_view url) {
  const size_t start = url.find("://") + 3;
  std::string_view host = url.substr(start, url.find_first_of("/?#", start) - start);
  if (const size_t user = host.rfind('@'); user != std::string_view::npos) host.remove_prefix(user + 1);
  if (const size_t port = host.rfind(':');
      port != std::string_view::npos && host.find(']', port) == std::string_view::npos)
    host = host.substr(0, port);
  return std::string(host);
}

absl::Status ReadTarget(const YAML::Node& node, std::string_view file, HookOptions* hook) {
  if (node["command"].IsDefined() == node["url"].IsDefined()) {
    return base::YamlError(node, file, "a hook must have either command: or url:");
  }
  if (const YAML::Node command = node["command"]; command.IsDefined()) {
    auto argv = base::YamlCommand(command, file, "command");
    if (!argv.ok()) return argv.status();
    hook->command = *std::move(argv);
    hook->name = std::string(base::Basename(hook->command.front()));
    hook->time_limit = kHookCommandLimit;
    return absl::OkStatus();
  }
  auto url = base::YamlText(node["url"], file, "url");
  if (!url.ok()) return url.status();
  const bool http = url->starts_with("http://") || url->starts_with("https://");
  if (!http || HostOf(*url).empty() || url->find_first_of(" \t\r\n") != std::string::npos) {
    return base::YamlError(node["url"], file, "url must be http://host/... or https://host/...");
  }
  hook->url = *std::move(url);
  hook->name = HostOf(hook->url);
  hook->time_limit = kHookUrlLimit;
  return absl::OkStatus();
}

absl::StatusOr<HookOptions> ReadHook(const YAML::Node& node, std::string_view file) {
  if (!node.IsMap()) {
    return base::YamlError(node, file, "a hook must be a map; write command: [...] or url: below its dash");
  }
  if (absl::Status status = base::CheckYamlKeys(node, file, {"name", "command", "url", "agents", "timeout"});
      !status.ok()) {
    return status;
  }
  HookOptions hook;
  if (absl::Status status = ReadTarget(node, file, &hook); !status.ok()) return status;
  if (const YAML::Node name = node["name"]; name.IsDefined()) {
    auto text = base::YamlText(name, file, "name");
    if (!text.ok()) return text.status();
    hook.name = *std::move(text);
  }
  hook.name = base::LabelValue(hook.name);
  if (const YAML::Node agents = node["agents"]; agents.IsDefined()) {
    auto names = base::YamlTexts(agents, file, "agents");
    if (!names.ok()) return names.status();
    hook.agents = *std::move(names);
  }
  if (const YAML::Node timeout = node["timeout"]; timeout.IsDefined()) {
    const auto limit =
        base::YamlDuration(timeout, file, "timeout", std::chrono::milliseconds(1), hook.time_limit);
    if (!limit.ok()) return limit.status();
    hook.time_limit = *limit;
  }
  return hook;
}

}  // namespace

absl::StatusOr<std::vector<HookOptions>> HookListFromYaml(const YAML::Node& list, std::string_view file,
                                                          const char* key, const std::string& event) {
  std::vector<HookOptions> result;
  if (!list.IsDefined() || list.IsNull()) return result;
  if (!list.IsSequence()) {
    return base::YamlError(list, file, fmt::format("{} must be a list; write each hook below a dash", key));
  }
  base::ErrorList errors;
  std::map<std::string, std::string> seen;  // name, where
  for (const YAML::Node& node : list) {
    auto hook = errors.Take(ReadHook(node, file));
    if (!hook) continue;
    hook->on = event;
    const auto [first, inserted] = seen.emplace(hook->name, base::YamlPosition(node, file));
    if (!inserted) {
      errors.Add(
          base::YamlError(node, file,
                          fmt::format("two hooks are called {}, the first at {}; give one another name:",
                                      base::Quoted(hook->name), first->second)));
    }
    result.push_back(*std::move(hook));
  }
  if (!errors.empty()) return errors.status();
  return result;
}

absl::StatusOr<std::vector<HookOptions>> HooksFromYaml(const YAML::Node& hooks, std::string_view file,
                                                       std::initializer_list<const char*> events) {
  std::vector<HookOptions> result;
  if (!hooks.IsDefined() || hooks.IsNull()) return result;
  if (!hooks.IsMap()) {
    return base::YamlError(
        hooks, file, fmt::format("hooks must be a map; write {}: and a list below it", *events.begin()));
  }
  base::ErrorList errors;
  errors.Add(base::CheckYamlKeys(hooks, file, {events.begin(), events.end()}));
  for (const char* event : events) {
    auto list = errors.Take(HookListFromYaml(hooks[event], file, event, event));
    if (list) std::move(list->begin(), list->end(), std::back_inserter(result));
  }
  if (!errors.empty()) return errors.status();
  return result;
}

}  // namespace agent_exporter::hooks
