#include "exporter/doctor.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "exporter/commands.h"
#include "exporter/doctor_facts.h"
#include "exporter/running_service.h"
#include "exporter/text_table.h"

namespace agent_exporter::exporter {
namespace {

constexpr size_t kMarkColumns = 8;

const char* MarkName(Finding::Mark mark) {
  switch (mark) {
    case Finding::Mark::kOk:
      return "ok";
    case Finding::Mark::kPartly:
      return "partly";
    case Finding::Mark::kNo:
      return "no";
  }
  return "";
}

std::string Padded(std::string text, size_t columns) {
  text.resize(std::max(text.size() + 1, columns), ' ');
  return text;
}

// The BPF loader's messages may contain newlines.
std::string OneLine(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return text;
}

Finding CheckService(const absl::StatusOr<RunningService>& service) {
  if (service.ok()) {
    return {Finding::Mark::kOk, "service",
            absl::StrCat("pid ", service->pid, " listens at ", absl::StrJoin(service->urls, ", "),
                         service->config_file.empty() ? ", without a configuration file"
                                                      : ", configured by " + service->config_file),
            ""};
  }
  return {Finding::Mark::kPartly, "service", std::string(service.status().message()),
          absl::IsPermissionDenied(service.status()) ? "run this command as that user or as root"
                                                     : "start one with agent_exporter serve"};
}

}  // namespace

std::string DoctorTable(const std::vector<Finding>& findings) {
  size_t widest = 0;
  for (const Finding& finding : findings) widest = std::max(widest, finding.subject.size());
  const size_t subject_columns = widest + 2;
  std::string table;
  for (const Finding& finding : findings) {
    absl::StrAppend(&table, Padded(MarkName(finding.mark), kMarkColumns),
                    Padded(finding.subject, subject_columns), OneLine(finding.finding), "\n");
    if (finding.advice.empty()) continue;
    absl::StrAppend(&table, std::string(kMarkColumns + subject_columns, ' '), "-> ", OneLine(finding.advice),
                    "\n");
  }
  return table;
}

std::string DoctorJson(const std::vector<Finding>& findings) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Finding& finding : findings) {
    nlohmann::ordered_json entry = {
        {"mark", MarkName(finding.mark)}, {"subject", finding.subject}, {"finding", finding.finding}};
    if (!finding.advice.empty()) entry["advice"] = finding.advice;
    list.push_back(std::move(entry));
  }
  return PrintableJson(nlohmann::ordered_json{{"findings", std::move(list)}}.dump(
             2, ' ', false, nlohmann::ordered_json::error_handler_t::replace)) +
         "\n";
}

int RunDoctor(const Options& options, std::ostream& out, std::ostream& err) {
  const auto service = FindService(options);
  if (absl::IsFailedPrecondition(service.status())) return Fail(service.status(), err);
  const Options used = service.ok() ? service->Applied(options) : options;
  const DoctorFacts facts = ReadDoctorFacts(used.procfs, used.sysfs);
  std::vector<Finding> findings = MakeFindings(facts);
  findings.push_back(CheckService(service));
  out << (options.json ? DoctorJson(findings) : DoctorTable(findings));
  return facts.proc.ok() ? 0 : 1;
}

}  // namespace agent_exporter::exporter
