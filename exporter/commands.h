// The program's commands. Each takes the parsed command line, prints to `out` (figures) and `err` (one line
// per mistake) and returns the exit code: 0 done, 1 it could not be done, 2 a bad command line or
// configuration.
//
// Thread safety: one at a time; RunServe blocks the signals it waits for.

#ifndef AGENT_EXPORTER_EXPORTER_COMMANDS_H_
#define AGENT_EXPORTER_EXPORTER_COMMANDS_H_

#include <ostream>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "agents/observation.h"
#include "exporter/config.h"
#include "exporter/options.h"
#include "serve/watch.h"

namespace agent_exporter::exporter {

int RunServe(const Options& options, std::ostream& err);
int RunStatus(const Options& options, std::ostream& out, std::ostream& err);
int RunTraits(const Options& options, std::ostream& out, std::ostream& err);
int RunExplain(const Options& options, std::ostream& out, std::ostream& err);
int RunCheckConfig(const Options& options, std::ostream& out, std::ostream& err);
int RunSnapshot(const Options& options, std::ostream& out, std::ostream& err);
int RunDoctor(const Options& options, std::ostream& out, std::ostream& err);
int RunOpen(const Options& options, std::ostream& out, std::ostream& err);

// The link to the page with the token in its fragment. FailedPrecondition where these options serve no page
// or do not tell its port.
absl::StatusOr<std::string> PageLink(const Options& options, std::string_view token);
int RunEvent(const Options& options, std::ostream& out, std::ostream& err);

// Returns the command's exit code, or ends this process by the command's signal. 127: no such command; 126:
// it cannot be executed.
int RunRun(const Options& options, std::ostream& err);
int RunDiagnoseExit(const Options& options, std::ostream& out, std::ostream& err);

// The table and the JSON of status, as functions of an observation.
std::string StatusTable(const agents::Observation& observation);
std::string StatusJson(const agents::Observation& observation);

// V's fields of one agent as JSON under agent_self (spec.md V); what could not be read is left out.
std::string TraitsJson(const agents::AgentSample& agent);

// A Watch for a command that looks once: configuration from options.config_file, everything read that is
// shown.
absl::StatusOr<std::unique_ptr<serve::Watch>> MakeOneShotWatch(const Options& options);

// A Watch with the configuration's rules and limits.
absl::StatusOr<std::unique_ptr<serve::Watch>> MakeWatch(serve::WatchOptions options, Config config);

// Prints "agent_exporter: <message>" and returns the exit code that goes with the status.
int Fail(const absl::Status& status, std::ostream& err);

// The collectors that are on by the flags; "exporter" also by --web.disable-exporter-metrics.
std::set<std::string> EnabledCollectors(const Options& options);

// What those collectors need read.
kernel::UsageFields FieldsFor(const std::set<std::string>& enabled);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_COMMANDS_H_
