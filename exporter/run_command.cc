// `agent_exporter run`: starts a command, watches it, and says why it ended.

#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/files.h"
#include "base/label_value.h"
#include "base/system.h"
#include "base/yaml.h"
#include "exporter/commands.h"
#include "exporter/logging.h"
#include "http/listen_address.h"
#include "run/attend.h"
#include "run/diagnosis.h"
#include "run/guardian.h"
#include "run/launcher.h"
#include "run/run_watching.h"
#include "run/stderr_lines.h"

namespace agent_exporter::exporter {
namespace {

// Checks all flags before anything starts.
absl::Status CheckRunOptions(const RunOptions& options, const std::string& name) {
  for (const absl::Status& status :
       {run::CheckSlotLabel("name", name, false), run::CheckSlotLabel("kind", options.kind, true),
        run::CheckSlotLabel("slot", options.slot, true)}) {
    if (!status.ok()) return status;
  }
  if (!options.interval.empty() && options.interval != "0") {
    if (const auto interval = base::ParseDuration(options.interval); !interval.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("--interval: ", interval.status().message()));
    }
  }
  std::vector<http::ListenAddress> addresses;
  for (const std::string& text : options.listen) {
    auto address = http::ParseListenAddress(text, true);
    if (!address.ok()) return address.status();
    addresses.push_back(*std::move(address));
  }
  return http::ListenOn(addresses).status();
}

std::string CommandName(const RunOptions& options) {
  if (!options.name.empty()) return options.name;
  const std::string& command = options.command.front();
  return command.substr(command.rfind('/') + 1);
}

absl::Status WriteDiagnosis(const run::Diagnosis& diagnosis, const std::string& path) {
  const std::string json =
      run::DiagnosisToJson(diagnosis).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  const absl::Status status = base::ReplaceFile(base::System::Real(), path, json, {.mode = 0666});
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat("--diagnosis-file: ", status.message()));
}

run::RunWatchingOptions WatchingOptions(const Options& options) {
  const std::set<std::string> enabled = EnabledCollectors(options);
  run::RunWatchingOptions watching{.procfs = options.procfs,
                                   .sysfs = options.sysfs,
                                   .process_source = options.process_source,
                                   .process_events = options.process_events,
                                   .socket = options.socket,
                                   .sampler = !options.run.no_sampler,
                                   .fields = FieldsFor(enabled),
                                   .listen = options.run.listen,
                                   .telemetry_path = options.telemetry_path,
                                   .collectors = enabled,
                                   .metrics = {.max_requests = options.max_requests,
                                               .exporter_metrics = !options.disable_exporter_metrics}};
  if (options.run.interval == "0") {
    watching.interval = std::chrono::milliseconds(0);
  } else if (!options.run.interval.empty()) {
    watching.interval = *base::ParseDuration(options.run.interval);  // CheckRunOptions has checked it
  }
  return watching;
}

struct Ended {
  int status = 0;  // as wait(2)
};

absl::StatusOr<Ended> RunUntilExit(const Options& options, const std::string& name, std::ostream& err) {
  const RunOptions& run = options.run;
  const run::SignalState signals = run::BlockAttendedSignals();
  auto guardian = run::Guardian::Start(run.capture_stderr);
  if (!guardian.ok()) return guardian.status();
  prctl(PR_SET_CHILD_SUBREAPER, 1);

  const auto started = std::chrono::steady_clock::now();
  base::Descriptor& stderr_for_task = (*guardian)->stderr_for_task();
  const auto task = run::Launch({run.command, stderr_for_task.get(), signals});
  stderr_for_task.Close();
  if (!task.ok()) return task.status();
  signal(SIGPIPE, SIG_IGN);  // a scraper that disconnects must not kill us
  // No designated initialisers: with them g++ 12 -O3 warns that members "may be used uninitialized".
  run::Diagnosis diagnosis;
  diagnosis.agent = name;
  diagnosis.kind = run.kind;
  diagnosis.slot = run.slot;
  diagnosis.pid = *task;
  diagnosis.command = base::Quoted(absl::StrJoin(run.command, " "), 300);
  (*guardian)->Announce(*task, diagnosis.command);

  auto watching =
      run::StartWatching(WatchingOptions(options),
                         {run::KeyOf(options.procfs, *task), (*guardian)->pid(), name, run.kind, run.slot});
  const run::Attended attended = run::Attend(*task);
  diagnosis.lifetime_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  run::SlotReport report = watching->End(attended);
  if (run.capture_stderr) (*guardian)->Flush();
  run::Reap(*task);
  watching.reset();

  diagnosis.status = attended.status;
  diagnosis.self_killed = attended.self_killed;
  diagnosis.peak_resident_bytes = attended.max_resident_bytes;
  diagnosis.oom = std::move(report.oom);
  diagnosis.record = std::move(report.record);
  if (run.capture_stderr) {
    bool cut = false;
    const std::string tail = (*guardian)->Tail(&cut);
    diagnosis.stderr_known = true;
    diagnosis.stderr_lines = run::UsefulStderrLines(tail, run.stderr_filter, cut);
    diagnosis.heap_line = run::HeapLine(tail);
  }
  Complete(&diagnosis);
  if (run::IsAbnormal(diagnosis.category)) err << "agent_exporter: " << Report(diagnosis) << std::flush;
  if (!run.diagnosis_file.empty()) {
    if (absl::Status status = WriteDiagnosis(diagnosis, run.diagnosis_file); !status.ok()) Fail(status, err);
  }
  return Ended{attended.status};
}

}  // namespace

int RunRun(const Options& options, std::ostream& err) {
  SetUpLogging(options.log_level, options.log_format);
  const std::string name = CommandName(options.run);
  if (absl::Status status = CheckRunOptions(options.run, name); !status.ok()) return Fail(status, err);
  const auto ended = RunUntilExit(options, name, err);
  if (absl::IsNotFound(ended.status())) {
    Fail(ended.status(), err);
    return 127;
  }
  if (!ended.ok()) {
    Fail(ended.status(), err);
    return 126;
  }
  if (WIFSIGNALED(ended->status)) run::EndAs(ended->status);
  return WEXITSTATUS(ended->status);
}

}  // namespace agent_exporter::exporter
