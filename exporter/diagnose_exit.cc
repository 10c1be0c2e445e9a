// `agent_exporter diagnose-exit`: an end explained from what its parent knows.

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "exporter/commands.h"
#include "run/diagnosis.h"
#include "run/stderr_lines.h"

namespace agent_exporter {
namespace {

absl::StatusOr<std::string> ReadWhole(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), &std::fclose);
  std::string text;
  char buffer[4096];
  for (size_t got = 1; file != nullptr && got > 0; text.append(buffer, got)) {
    got = std::fread(buffer, 1, sizeof buffer, file.get());
  }
  if (file != nullptr && std::ferror(file.get()) == 0) return text;
  return absl::NotFoundError("cannot read --stderr-file " + path);
}

}  // namespace

int RunDiagnoseExit(const Options& options, std::ostream& out, std::ostream& err) {
  const DiagnoseOptions& given = options.diagnose;
  Diagnosis diagnosis{.self_killed = given.self_killed};
  if (given.code) {
    diagnosis.status = WaitStatusOfCode(*given.code);
  } else if (const auto number = SignalNumber(given.signal)) {
    diagnosis.status = WaitStatusOfSignal(*number);
  } else {
    return Fail(absl::InvalidArgumentError("--signal " + given.signal + " is none; such as KILL or 9"), err);
  }
  if (given.oom == "confirmed") diagnosis.oom = {OomVerdict::kConfirmed, "so says --oom"};
  if (given.oom == "denied") diagnosis.oom = {OomVerdict::kDenied, "so says --oom"};
  if (!given.stderr_file.empty()) {
    const auto text = ReadWhole(given.stderr_file);
    if (!text.ok()) return Fail(text.status(), err);
    diagnosis.stderr_known = true;
    diagnosis.stderr_lines = UsefulStderrLines(*text, given.stderr_prefixes, false);
  }
  diagnosis.external = {given.resident_bytes, given.cpu_ratio, given.sample_age};
  diagnosis.in_process = {given.in_process_resident_bytes, given.heap_used_bytes, given.heap_limit_bytes};
  diagnosis.agent = given.name;
  diagnosis.kind = given.kind;
  diagnosis.slot = given.slot;
  Complete(&diagnosis);
  if (given.json) {
    out << DiagnosisToJson(diagnosis).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  } else {
    const std::string_view category = ExitCategoryName(diagnosis.category);
    out << "category:      " << category << "\n"
        << "operator:      " << OperatorText(diagnosis) << "\n"
        << "end user (en): " << EndUserText(diagnosis, Language::kEnglish) << "\n"
        << "end user (fr): " << EndUserText(diagnosis, Language::kFrench) << "\n";
  }
  return 0;
}

}  // namespace agent_exporter
