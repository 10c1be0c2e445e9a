// `agent_exporter event rate-limit`: records in the ledger that an agent hit a rate limit or recovered.
//
// Thread safety: values and free functions.

#ifndef AGENT_EXPORTER_EXPORTER_EVENT_COMMAND_H_
#define AGENT_EXPORTER_EXPORTER_EVENT_COMMAND_H_

#include <cstdint>
#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace agent_exporter::exporter {

struct EventOptions {
  std::string agent;
  std::string source;
  std::string kind;
  std::optional<int64_t> seq;  // with --ts: recording the event again changes nothing
  std::optional<int64_t> ts;   // ms since the epoch; empty: now
};

// Adds the command to `app` and returns it. `options` must outlive `app`.
CLI::App* AddEventCommand(CLI::App& app, EventOptions& options);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_EVENT_COMMAND_H_
