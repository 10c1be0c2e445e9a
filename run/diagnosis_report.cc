// A Diagnosis at length: for a person's terminal and as JSON.

#include <sys/wait.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "agents/resource_names.h"
#include "run/diagnosis.h"

namespace agent_exporter::run {
namespace {

using nlohmann::json;

// Growth below this share of the figure is noise.
constexpr double kTellingShare = 0.1;

std::string Amount(double value, bool bytes) {
  if (!bytes) return absl::StrFormat("%+.0f", value);
  return absl::StrFormat("%+.1fMB", value / (1024.0 * 1024.0));
}

const char* Words(std::string_view figure) {
  if (figure == "resident_bytes") return "RSS";
  if (figure == "tree_resident_bytes") return "tree RSS";
  if (figure == "open_fds") return "fds";
  if (figure == "tree_open_fds") return "tree fds";
  return "children";
}

std::string LimitLine(const std::vector<agents::ResourceUse>& resources) {
  std::vector<std::string> parts;
  for (const agents::ResourceUse& use : resources) {
    const bool bytes = use.resource == agents::ResourceUse::Resource::kMemory;
    const auto figure = [bytes](uint64_t value) { return bytes ? Megabytes(value) : absl::StrCat(value); };
    parts.push_back(absl::StrCat(Name(use.resource), " ", figure(use.used), " of ", figure(use.limit), " (",
                                 Name(use.scope), ", ", Name(use.source), ")"));
  }
  return absl::StrJoin(parts, "; ");
}

std::string GrowthLine(const FlightRecord& record) {
  std::vector<std::string> parts;
  double span = 0;
  for (const FlightFigure& figure : FlightFigures()) {
    const auto growth = GrowthOf(record.points, figure.value);
    const auto last = figure.value(record.points.back());
    if (!growth || !last) continue;
    const double grown = growth->per_minute * growth->span_seconds / 60;
    if (std::abs(grown) < 1 || std::abs(grown) < kTellingShare * *last) continue;
    span = std::max(span, growth->span_seconds);
    parts.push_back(
        absl::StrCat(Words(figure.name), " ", Amount(growth->per_minute, figure.bytes), " a minute"));
  }
  if (parts.empty()) return "";
  return absl::StrCat(absl::StrJoin(parts, ", "), absl::StrFormat(" (over %.0f s)", span));
}

std::string PeakLine(const Diagnosis& diagnosis) {
  std::vector<std::string> parts;
  const FlightRecord& record = *diagnosis.record;
  if (diagnosis.peak_resident_bytes > 0) {
    parts.push_back(absl::StrCat("RSS ", Megabytes(diagnosis.peak_resident_bytes), " (by the kernel)"));
  } else if (record.peak_resident_bytes) {
    parts.push_back(absl::StrCat("RSS ", Megabytes(*record.peak_resident_bytes)));
  }
  if (record.peak_tree_resident_bytes) {
    parts.push_back(absl::StrCat("tree RSS ", Megabytes(*record.peak_tree_resident_bytes)));
  }
  if (record.peak_open_fds) parts.push_back(absl::StrCat("fds ", *record.peak_open_fds));
  parts.push_back(absl::StrCat("children ", record.peak_descendants));
  return absl::StrJoin(parts, ", ");
}

template <typename Value>
void Put(json& to, const char* key, const std::optional<Value>& value) {
  if (value) to[key] = *value;
}

json GrowthToJson(const FlightRecord& record) {
  json result = json::object();
  for (const FlightFigure& figure : FlightFigures()) {
    if (const auto growth = GrowthOf(record.points, figure.value)) {
      result[figure.name] = {{"per_minute", growth->per_minute}, {"span_seconds", growth->span_seconds}};
    }
  }
  return result;
}

}  // namespace

std::string Report(const Diagnosis& diagnosis) {
  std::string report = absl::StrCat(LogLine(diagnosis), "\n");
  if (diagnosis.record && !diagnosis.record->points.empty()) {
    const FlightRecord& record = *diagnosis.record;
    absl::StrAppend(&report, "limits: ", LimitLine(record.resources), "\n");
    if (const std::string growth = GrowthLine(record); !growth.empty()) {
      absl::StrAppend(&report, "growth: ", growth, "\n");
    }
    absl::StrAppend(&report, "peaks:  ", PeakLine(diagnosis), "\n", FlightTable(record));
  }
  if (diagnosis.record && !diagnosis.record->left_behind.empty()) {
    absl::StrAppend(&report, "still alive below it: ", absl::StrJoin(diagnosis.record->left_behind, ", "),
                    "\n");
  }
  const bool told =  // OperatorText has it
      diagnosis.category == agents::ExitCategory::kPluginError ||
      diagnosis.category == agents::ExitCategory::kUnknown;
  if (!told && !diagnosis.stderr_lines.empty()) {
    absl::StrAppend(&report, "last stderr:\n  ", absl::StrJoin(diagnosis.stderr_lines, "\n  "), "\n");
  }
  return report;
}

json DiagnosisToJson(const Diagnosis& diagnosis) {
  json result = {{"agent", diagnosis.agent},
                 {"category", agents::ExitCategoryName(diagnosis.category)},
                 {"ended", HowItEnded(diagnosis.status)},
                 {"self_killed", diagnosis.self_killed},
                 {"external", json::object()},
                 {"in_process", json::object()},
                 {"texts",
                  {{"operator", OperatorText(diagnosis)},
                   {"end_user",
                    {{"en", EndUserText(diagnosis, Language::kEnglish)},
                     {"fr", EndUserText(diagnosis, Language::kFrench)}}}}}};
  if (!diagnosis.kind.empty()) result["kind"] = diagnosis.kind;
  if (!diagnosis.slot.empty()) result["slot"] = diagnosis.slot;
  if (diagnosis.pid > 0) result["pid"] = diagnosis.pid;
  if (!diagnosis.command.empty()) result["command"] = diagnosis.command;
  Put(result, "lifetime_seconds", diagnosis.lifetime_seconds);
  if (diagnosis.status) {
    const int status = *diagnosis.status;
    result[WIFSIGNALED(status) ? "signal" : "code"] =
        WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
  }
  if (diagnosis.category == agents::ExitCategory::kOomHost ||
      diagnosis.category == agents::ExitCategory::kKilled) {
    result["oom"] = {{"verdict", agents::OomVerdictName(diagnosis.oom.verdict)},
                     {"evidence", diagnosis.oom.evidence}};
  }
  Put(result["external"], "resident_bytes", diagnosis.external.resident_bytes);
  Put(result["external"], "cpu_ratio", diagnosis.external.cpu_ratio);
  Put(result["external"], "age_seconds", diagnosis.external.age_seconds);
  Put(result["in_process"], "resident_bytes", diagnosis.in_process.resident_bytes);
  Put(result["in_process"], "heap_used_bytes", diagnosis.in_process.heap_used_bytes);
  Put(result["in_process"], "heap_limit_bytes", diagnosis.in_process.heap_limit_bytes);
  if (!diagnosis.heap_line.empty()) result["in_process"]["heap_line"] = diagnosis.heap_line;
  if (diagnosis.peak_resident_bytes > 0) result["peak_resident_bytes"] = diagnosis.peak_resident_bytes;
  if (diagnosis.stderr_known) result["stderr"] = diagnosis.stderr_lines;
  if (diagnosis.record) {
    result["flight"] = FlightRecordToJson(*diagnosis.record);
    result["growth"] = GrowthToJson(*diagnosis.record);
  }
  return result;
}

}  // namespace agent_exporter::run
