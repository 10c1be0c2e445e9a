// The `ledger:` section of the configuration file.
//
//   ledger:
//     enabled: true                 # false: the same as --no-ledger
//     sample_interval: 60s          # one row per source; at least 1s
//     idle_sample_interval: 5m      # while no session is running; at least sample_interval
//     retention_days: 7             # 1 to 3650
//     rate_limit_retention_days: 30
//     path: /var/lib/agent_exporter/resource-ledger.db
//
// Thread safety: free functions; a value.
// Errors: InvalidArgument "file:line: what is wrong; what to do".

#ifndef AGENT_EXPORTER_LEDGER_LEDGER_CONFIG_H_
#define AGENT_EXPORTER_LEDGER_LEDGER_CONFIG_H_

#include <chrono>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace YAML {
class Node;
}

namespace agent_exporter::ledger {

struct LedgerConfig {
  bool enabled = true;
  std::chrono::milliseconds sample_interval = std::chrono::seconds(60);
  std::chrono::milliseconds idle_sample_interval = std::chrono::minutes(5);
  int retention_days = 7;
  int rate_limit_retention_days = 30;
  std::string path;  // empty: resource-ledger.db in the state directory
};

// `section` is the node below the key `ledger`. If it is missing or empty, *config does not change.
absl::Status ReadLedgerConfig(const YAML::Node& section, std::string_view file, LedgerConfig* config);

}  // namespace agent_exporter::ledger

#endif  // AGENT_EXPORTER_LEDGER_LEDGER_CONFIG_H_
