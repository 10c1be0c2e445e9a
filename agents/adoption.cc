#include "agents/adoption.h"

#include <yaml-cpp/yaml.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/error_list.h"
#include "base/path_pattern.h"
#include "base/yaml.h"

namespace agent_exporter::agents {
namespace {

bool IsWord(const YAML::Node& node) { return node.IsDefined() && node.IsScalar() && !node.Scalar().empty(); }

absl::Status ReadEnviron(const YAML::Node& node, std::string_view file, Adoption* adoption) {
  if (!node.IsMap() || node.size() == 0) {
    return base::YamlError(node, file,
                           "environ of adopt must be a map such as {RUNNER_TRACKING_ID: 'github_*'}");
  }
  for (const auto& entry : node) {
    if (!IsWord(entry.first) || !IsWord(entry.second) ||
        entry.first.Scalar().find('=') != std::string::npos) {
      return base::YamlError(entry.first, file,
                             "a variable of adopt needs a name and a value; write '**' for any value");
    }
    adoption->environ.push_back(absl::StrCat(entry.first.Scalar(), "=", entry.second.Scalar()));
  }
  return absl::OkStatus();
}

absl::Status ReadTmux(const YAML::Node& node, std::string_view file, Adoption* adoption) {
  base::ErrorList errors;
  if (!node.IsMap() || node.size() == 0 || !IsWord(node["sessions"])) {
    return base::YamlError(node, file,
                           "tmux of adopt must be a map such as {socket: default, sessions: 'agent-*'}");
  }
  errors.Add(base::CheckYamlKeys(node, file, {"socket", "sessions"}));
  adoption->tmux_sessions = node["sessions"].Scalar();
  const YAML::Node socket = node["socket"];
  adoption->tmux_socket = "default";
  if (socket.IsDefined() && !IsWord(socket)) {
    errors.Add(base::YamlError(socket, file, "socket of tmux must be a path, or a name as for tmux -L"));
  } else if (socket.IsDefined()) {
    adoption->tmux_socket = socket.Scalar();
  }
  return errors.status();
}

}  // namespace

bool Adopts(const Adoption& adoption, const SessionPane& pane) {
  if (adoption.tmux_sessions.empty()) return false;
  const bool path = adoption.tmux_socket.find('/') != std::string::npos;
  if (adoption.tmux_socket != (path ? pane.socket : base::Basename(pane.socket))) return false;
  return base::PathPattern(adoption.tmux_sessions).MatchesAll(pane.session);
}

absl::StatusOr<Adoption> AdoptionFromYaml(const YAML::Node& node, std::string_view file) {
  if (!node.IsMap() || node.size() == 0) {
    return base::YamlError(
        node, file, "adopt must be a map with environ or tmux, for instance {tmux: {sessions: 'agent-*'}}");
  }
  base::ErrorList errors;
  errors.Add(base::CheckYamlKeys(node, file, {"environ", "tmux"}));
  Adoption adoption;
  if (node["environ"].IsDefined()) errors.Add(ReadEnviron(node["environ"], file, &adoption));
  if (node["tmux"].IsDefined()) errors.Add(ReadTmux(node["tmux"], file, &adoption));
  if (!errors.empty()) return errors.status();
  return adoption;
}

}  // namespace agent_exporter::agents
