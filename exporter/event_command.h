// `agent_exporter event rate-limit`: tells the ledger that an agent ran into a rate limit, or out of it.
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
  std::optional<int64_t> seq;  // with --ts: telling it again changes nothing
  std::optional<int64_t> ts;   // ms since the epoch; now
};

// Adds the command to `app`; *options must outlive it. Returns the command, to be asked whether it was
// parsed.
CLI::App* AddEventCommand(CLI::App& app, EventOptions& options);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_EVENT_COMMAND_H_
