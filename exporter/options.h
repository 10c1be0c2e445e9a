// The parsed command line. Flags follow Prometheus conventions. Each can also be set in the environment as
// AGENT_EXPORTER_<FLAG>, with underscores for dots and dashes.
//
// Thread safety: values and a free function.

#ifndef AGENT_EXPORTER_EXPORTER_OPTIONS_H_
#define AGENT_EXPORTER_EXPORTER_OPTIONS_H_

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/build_info.h"
#include "exporter/compat_flags.h"
#include "exporter/event_command.h"
#include "exporter/run_options.h"
#include "exporter/snapshot_command.h"

namespace agent_exporter::exporter {

enum class Command {
  kServe,
  kStatus,
  kTraits,
  kExplain,
  kFds,
  kCheckConfig,
  kDoctor,
  kOpen,
  kEvent,
  kSnapshot,
  kRun,
  kDiagnoseExit,
  kImport,
  kStatusline,
  kTmuxStatus,
};

struct Options {
  Command command = Command::kServe;

  std::vector<std::string> listen = {":10058"};
  std::string telemetry_path = "/metrics";
  std::vector<std::string> allowed_hosts;  // names of this host besides those it knows
  int max_requests = 40;                   // concurrent scrapes; 0: no limit
  bool disable_exporter_metrics = false;
  std::string token_file;  // empty: "token" in the state directory
  std::string config_file;
  std::string web_config_file;
  bool no_ledger = false;
  std::string ledger_path;                 // empty: the configuration's
  std::map<std::string, bool> collectors;  // by name: enabled or disabled by a flag
  bool disable_default_collectors = false;
  std::string procfs = "/proc";
  std::string sysfs = "/sys";
  std::string process_source = "auto";
  std::string process_events = "auto";
  CompatOptions compat;
  std::string log_level = "info";
  std::string log_format = "logfmt";

  bool json = false;   // status, fds, doctor
  bool wide = false;   // status
  bool live = false;   // status; fds: --watch
  bool terse = false;  // status
  // traits
  std::string agent;
  std::optional<std::string> kind, slot;  // empty: any
  std::string template_file;
  std::string target;       // explain, fds: a pid or a name
  std::string check_file;   // check-config
  std::string import_file;  // import-process-exporter
  EventOptions event;
  SnapshotCommandOptions snapshot;

  std::string socket = "auto";  // where serve accepts tasks from `run`: a path, auto or none
  RunOptions run;
  DiagnoseOptions diagnose;
  std::vector<std::string> wrapped;  // statusline: the command whose line is shown
};

// The exit code and the output when no command runs (--help, --version, a bad flag).
struct EarlyExit {
  int code = 0;
  std::string out;
  std::string err;
};

std::variant<Options, EarlyExit> ParseCommandLine(int argc, const char* const* argv);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_OPTIONS_H_
