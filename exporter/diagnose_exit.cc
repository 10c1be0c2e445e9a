// `agent_exporter diagnose-exit`: explains an exit from what the parent process knows about it.

#include <nlohmann/json.hpp>

#include "base/user_file.h"
#include "exporter/commands.h"
#include "run/diagnosis.h"
#include "run/stderr_lines.h"

namespace agent_exporter::exporter {
int RunDiagnoseExit(const Options& options, std::ostream& out, std::ostream& err) {
  const DiagnoseOptions& given = options.diagnose;
  run::Diagnosis diagnosis{.self_killed = given.self_killed};
  if (given.code) {
    diagnosis.status = agents::WaitStatusOfCode(*given.code);
  } else if (const auto number = SignalNumber(given.signal)) {
    diagnosis.status = agents::WaitStatusOfSignal(*number);
  } else {
    return Fail(absl::InvalidArgumentError("--signal " + given.signal +
                                           " is not a signal; give a name or number, such as KILL or 9"),
                err);
  }
  if (given.oom == "confirmed") diagnosis.oom = {agents::OomVerdict::kConfirmed, "according to --oom"};
  if (given.oom == "denied") diagnosis.oom = {agents::OomVerdict::kDenied, "according to --oom"};
  if (!given.stderr_file.empty()) {
    const auto text = base::ReadUserFile("--stderr-file", given.stderr_file);
    if (!text.ok()) return Fail(text.status(), err);
    diagnosis.stderr_known = true;
    diagnosis.stderr_lines = run::UsefulStderrLines(*text, given.stderr_filter, false);
    diagnosis.heap_line = run::HeapLine(*text);
  }
  diagnosis.external = {given.resident_bytes, given.cpu_ratio, given.sample_age};
  diagnosis.in_process = {given.in_process_resident_bytes, given.heap_used_bytes, given.heap_limit_bytes};
  diagnosis.agent = given.name;
  diagnosis.kind = given.kind;
  diagnosis.slot = given.slot;
  Complete(&diagnosis);
  if (given.json) {
    out << run::DiagnosisToJson(diagnosis).dump(2, ' ', false, nlohmann::json::error_handler_t::replace)
        << "\n";
  } else {
    const std::string_view category = agents::ExitCategoryName(diagnosis.category);
    out << "category:      " << category << "\n"
        << "operator:      " << run::OperatorText(diagnosis) << "\n"
        << "end user (en): " << run::EndUserText(diagnosis, run::Language::kEnglish) << "\n"
        << "end user (fr): " << run::EndUserText(diagnosis, run::Language::kFrench) << "\n";
  }
  return 0;
}

}  // namespace agent_exporter::exporter
