// The program's commands. Each takes the parsed command line, prints results to `out` and one line per error
// to `err`, and returns the exit code: 0 success, 1 failure, 2 bad command line or configuration.
//
// Thread safety: run one command at a time. RunServe blocks the signals it waits for.

#ifndef AGENT_EXPORTER_EXPORTER_COMMANDS_H_
#define AGENT_EXPORTER_EXPORTER_COMMANDS_H_

#include <nlohmann/json_fwd.hpp>
#include <ostream>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "agents/observation.h"
#include "base/clock.h"
#include "exporter/config.h"
#include "exporter/options.h"
#include "serve/watch.h"
#include "sessions/agent_meta.h"
#include "sessions/session.h"

namespace agent_exporter::exporter {

// What goes wrong is in its log. `clock`: SystemClock but in tests.
int RunServe(const Options& options, const base::Clock& clock);
int RunStatus(const Options& options, std::ostream& out, std::ostream& err);
int RunTraits(const Options& options, std::ostream& out, std::ostream& err);
int RunExplain(const Options& options, std::ostream& out, std::ostream& err);
int RunFds(const Options& options, std::ostream& out, std::ostream& err);
int RunCheckConfig(const Options& options, std::ostream& out, std::ostream& err);
int RunSnapshot(const Options& options, std::ostream& out, std::ostream& err);
int RunDoctor(const Options& options, std::ostream& out, std::ostream& err);
int RunOpen(const Options& options, std::ostream& out, std::ostream& err);

// The link to the page, with the token in its fragment. FailedPrecondition if there is no page with these
// options, or if they do not say its port.
absl::StatusOr<std::string> PageLink(const Options& options, std::string_view token);
int RunEvent(const Options& options, std::ostream& out, std::ostream& err);

// Returns the command's exit code. If a signal killed the command, kills this process with the same signal.
// 127: the command was not found; 126: it cannot be executed.
int RunRun(const Options& options, std::ostream& err);
// Returns the wrapped command's exit code, if there is one.
int RunStatusline(const Options& options, std::ostream& out, std::ostream& err);
int RunTmuxStatus(const Options& options, std::ostream& out);
int RunImport(const Options& options, std::ostream& out, std::ostream& err);
int RunDiagnoseExit(const Options& options, std::ostream& out, std::ostream& err);

// The output of status for one observation: at most 80 columns, the most urgent agent first, with a line of
// what is wrong and one of advice where something is (exporter/status_table.cc).
std::string StatusTable(const agents::Observation& observation, const sessions::SessionSource& sessions = {});
// All columns.
std::string WideStatusTable(const agents::Observation& observation);
// `meta` knows each agent's agent_meta, `sessions` its sessions; unset: nothing is known. `terse`: the main
// keys of each agent, flat.
std::string StatusJson(const agents::Observation& observation, const sessions::MetaSource& meta = {},
                       bool terse = false, const sessions::SessionSource& sessions = {});

// The traits of the one agent that asked.agent, kind and slot pick. NotFound if none runs, InvalidArgument if
// several do.
absl::StatusOr<nlohmann::ordered_json> PickTraits(const agents::Observation& observation,
                                                  const Options& asked);

// A Watch for a command that takes a single observation. Reads the configuration from options.config_file.
absl::StatusOr<std::unique_ptr<serve::Watch>> MakeOneShotWatch(const Options& options);

// A Watch that uses the configuration's rules and limits.
absl::StatusOr<std::unique_ptr<serve::Watch>> MakeWatch(serve::WatchOptions options, Config config);

// Prints "agent_exporter: <message>", each line of it so, and returns the exit code for this
// status.
int Fail(const absl::Status& status, std::ostream& err);

// The collectors that the flags enable. --web.disable-exporter-metrics disables "exporter".
std::set<std::string> EnabledCollectors(const Options& options);

// The process fields that these collectors read.
kernel::UsageFields FieldsFor(const std::set<std::string>& enabled);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_COMMANDS_H_
