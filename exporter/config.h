// The configuration file.
//
//   agents: […]             # match rules, agents/rules_yaml.h
//   builtin_profiles: true  # the rules for well-known agents after your own
//   sample_interval: 5s     # the sampler's tick, over which ratios are taken; 1s by default with events
//   max_agents: 200         # further agents are counted as agent="other"
//   forget_after: 1h        # how long a discovered agent shows agent_up 0 after its last process ended
//   collector_timeout: 2s   # a collector that takes longer is cut off
//   ledger: {…}             # ledger/ledger_config.h
//   meta: […]               # the sources of agent_meta, sessions/meta_config.h
//   sessions: off           # or {…}: the files of sessions, sessions/sessions_config.h
//   snapshot: {…}           # snapshot/snapshot_config.h
//   hooks: {…}              # on_leak, on_near_limit, on_exit: hooks/hooks_config.h
//   conditions: […]         # hooks/condition_config.h
//
// Thread safety: free functions; Config is a value (move only: it owns compiled rules).
// Errors: InvalidArgument, one line "file:line: what is wrong; what to do" for each mistake. If the file
// cannot be read: NotFound, PermissionDenied or FailedPrecondition (a directory), with its name.

#ifndef AGENT_EXPORTER_EXPORTER_CONFIG_H_
#define AGENT_EXPORTER_EXPORTER_CONFIG_H_

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agents/rules.h"
#include "base/yaml.h"
#include "hooks/condition_config.h"
#include "hooks/hook_pool.h"
#include "ledger/ledger_config.h"
#include "sessions/meta.h"
#include "sessions/sessions_config.h"
#include "snapshot/snapshot_config.h"

namespace agent_exporter::exporter {

struct Config {
  agents::RuleSet rules;  // the file's, then the built-in profiles
  bool builtin_profiles = true;
  std::optional<std::chrono::milliseconds> sample_interval;
  size_t max_agents = 200;
  std::chrono::seconds forget_after{3600};
  std::chrono::milliseconds collector_timeout{2000};
  std::vector<sessions::MetaOptions> meta;
  sessions::SessionsConfig sessions;
  ledger::LedgerConfig ledger;
  std::optional<snapshot::SnapshotConfig> snapshot;  // unset: the daemon takes no snapshots
  std::vector<hooks::HookOptions> hooks;             // those of `hooks:` only
  std::vector<hooks::ConditionOptions> conditions;
};

// The configuration without a file: the built-in profiles and the defaults above.
absl::StatusOr<Config> DefaultConfig();

// `file` names the text in messages.
absl::StatusOr<Config> ParseConfig(std::string_view text, std::string_view file);

// Reads and parses `path`; an empty path gives the default.
absl::StatusOr<Config> LoadConfig(const std::string& path);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_CONFIG_H_
