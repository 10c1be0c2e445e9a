#include "run/diagnosis.h"

#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace agent_exporter::run {
namespace {

std::string SignalName(int signal) {
  const char* name = sigabbrev_np(signal);
  return name == nullptr ? absl::StrCat("signal ", signal) : absl::StrCat("SIG", name);
}

std::vector<std::string> ExternalLines(const ExternalSample& sample, Language language) {
  const bool french = language == Language::kFrench;
  std::vector<std::string> lines;
  if (sample.resident_bytes) {
    lines.push_back(
        absl::StrCat(french ? "Dernière mémoire observée (RSS, externe) : " : "Last seen RSS (external): ",
                     Megabytes(*sample.resident_bytes), "."));
  }
  if (sample.cpu_ratio) {
    lines.push_back(
        french ? absl::StrFormat("Utilisation du CPU (externe) : %.2f (1.0 = un cœur entier).",
                                 *sample.cpu_ratio)
               : absl::StrFormat("CPU usage (external): %.2f (1.0 = one full core).", *sample.cpu_ratio));
  }
  if (lines.empty()) {
    return {french ? "Aucune mesure externe n'a été prise." : "No external sample was taken."};
  }
  if (sample.age_seconds) {
    lines.push_back(french ? absl::StrFormat("Âge de la mesure : %.1f s.", *sample.age_seconds)
                           : absl::StrFormat("Sample age: %.1f s.", *sample.age_seconds));
  }
  return lines;
}

std::vector<std::string> HeapLines(const Diagnosis& diagnosis) {
  const InProcessSample& sample = diagnosis.in_process;
  std::vector<std::string> lines;
  if (sample.heap_used_bytes) {
    lines.push_back(absl::StrCat(
        "Heap used (in-process): ", Megabytes(*sample.heap_used_bytes),
        sample.heap_limit_bytes ? absl::StrCat(" of ", Megabytes(*sample.heap_limit_bytes)) : "", "."));
  }
  if (!diagnosis.heap_line.empty()) {
    lines.push_back(absl::StrCat("Heap at its last collection: ", diagnosis.heap_line, "."));
  }
  return lines;
}

std::vector<std::string> InProcessLines(const InProcessSample& sample) {
  std::vector<std::string> lines;
  if (sample.resident_bytes) {
    lines.push_back(absl::StrCat("RSS (in-process): ", Megabytes(*sample.resident_bytes), "."));
  }
  return lines;
}

std::string OomSentence(const agents::OomFinding& oom) {
  switch (oom.verdict) {
    case agents::OomVerdict::kConfirmed:
      return absl::StrCat("The kernel confirms an OOM kill: ", oom.evidence, ".");
    case agents::OomVerdict::kDenied:
      return absl::StrCat("It was no OOM kill: ", oom.evidence, "; somebody sent SIGKILL.");
    case agents::OomVerdict::kUnclear:
      break;
  }
  return absl::StrCat("An OOM kill is likely but not confirmed",
                      oom.evidence.empty() ? "" : absl::StrCat(": ", oom.evidence), ".");
}

std::string Headline(const Diagnosis& diagnosis) {
  const std::string how = HowItEnded(diagnosis.status);
  switch (diagnosis.category) {
    case agents::ExitCategory::kSuccess:
      return absl::StrCat("The task finished (", how, ").");
    case agents::ExitCategory::kSigterm:
      return diagnosis.self_killed
                 ? absl::StrCat("The task was ended on purpose, by a signal sent to it (", how, ").")
                 : absl::StrCat("The task was asked to end by SIGTERM (", how, ").");
    case agents::ExitCategory::kKilled:
    case agents::ExitCategory::kOomHost:
      return absl::StrCat("The task was killed from outside (", how, "). ", OomSentence(diagnosis.oom));
    case agents::ExitCategory::kOomHeap:
      return absl::StrCat("The task aborted (", how, "), as a runtime does when its heap is full.");
    case agents::ExitCategory::kPluginError:
      return absl::StrCat("The task failed by itself (", how, ").");
    case agents::ExitCategory::kUnknown:
      return absl::StrCat("The task ended in a way that says nothing by itself (", how, ").");
    case agents::ExitCategory::kUnobserved:
      break;
  }
  return "The task ended; how was not observed.";
}

void Append(std::vector<std::string>* lines, std::vector<std::string> more) {
  for (std::string& line : more) lines->push_back(std::move(line));
}

// For an end that the program itself may explain.
std::vector<std::string> StderrLines(const Diagnosis& diagnosis) {
  if (diagnosis.category != agents::ExitCategory::kPluginError &&
      diagnosis.category != agents::ExitCategory::kUnknown)
    return {};
  if (!diagnosis.stderr_known) return {"Its stderr was not captured (--capture-stderr)."};
  if (diagnosis.stderr_lines.empty()) return {"It wrote nothing useful to stderr."};
  return {absl::StrCat("Last stderr: ", absl::StrJoin(diagnosis.stderr_lines, " | "))};
}

}  // namespace

void Complete(Diagnosis* diagnosis) {
  diagnosis->category =
      agents::CategorizeExit(diagnosis->status, diagnosis->self_killed, diagnosis->oom.verdict);
  if (!diagnosis->record || diagnosis->record->points.empty()) return;
  // A dying process has already freed its memory, so this is the last sample that still had some.
  const std::vector<FlightPoint>& points = diagnosis->record->points;
  const auto with_memory = std::find_if(points.rbegin(), points.rend(), [](const FlightPoint& point) {
    return point.resident_bytes.has_value();
  });
  const FlightPoint& last = with_memory == points.rend() ? points.back() : *with_memory;
  diagnosis->external = {
      .resident_bytes = last.resident_bytes, .cpu_ratio = last.cpu_ratio, .age_seconds = last.seconds};
}

bool IsAbnormal(agents::ExitCategory category) {
  return category != agents::ExitCategory::kSuccess && category != agents::ExitCategory::kSigterm &&
         category != agents::ExitCategory::kUnobserved;
}

std::string HowItEnded(std::optional<int> status) {
  if (!status) return "not observed";
  if (WIFSIGNALED(*status)) {
    return absl::StrCat("signal ", WTERMSIG(*status), " (", SignalName(WTERMSIG(*status)), ")");
  }
  const int code = WEXITSTATUS(*status);
  const bool by_shell = code > 128 && code < 128 + 65 && sigabbrev_np(code - 128) != nullptr;
  return absl::StrCat("exit code ", code, by_shell ? absl::StrCat(", 128 + ", SignalName(code - 128)) : "");
}

std::string OperatorText(const Diagnosis& diagnosis) {
  std::vector<std::string> lines = {Headline(diagnosis)};
  if (diagnosis.category == agents::ExitCategory::kOomHeap) {
    // The heap filled up, so its figures come before the host's.
    Append(&lines, HeapLines(diagnosis));
    Append(&lines, ExternalLines(diagnosis.external, Language::kEnglish));
    Append(&lines, InProcessLines(diagnosis.in_process));
  } else {
    Append(&lines, ExternalLines(diagnosis.external, Language::kEnglish));
    Append(&lines, InProcessLines(diagnosis.in_process));
    Append(&lines, HeapLines(diagnosis));
  }
  Append(&lines, StderrLines(diagnosis));
  return absl::StrJoin(lines, " ");
}

namespace {

std::string UserHeadline(const Diagnosis& diagnosis, Language language) {
  const bool french = language == Language::kFrench;
  const auto say = [french](const char* english_text, const char* french_text) {
    return std::string(french ? french_text : english_text);
  };
  switch (diagnosis.category) {
    case agents::ExitCategory::kSuccess:
      return say("The task finished.", "La tâche est terminée.");
    case agents::ExitCategory::kSigterm:
      return say("The task was stopped. You can start it again.",
                 "La tâche a été arrêtée. Vous pouvez la relancer.");
    case agents::ExitCategory::kKilled:
      return say("The task was stopped from outside before it could finish. You can start it again.",
                 "La tâche a été interrompue de l'extérieur avant la fin. Vous pouvez la relancer.");
    case agents::ExitCategory::kOomHost:
      if (diagnosis.oom.verdict == agents::OomVerdict::kUnclear) {
        return say(
            "The task was stopped, probably because the machine ran out of memory. Try again with less data.",
            "La tâche a été interrompue, sans doute parce que la machine manquait de mémoire. Réessayez avec "
            "moins de données.");
      }
      return say("The task was stopped because the machine ran out of memory. Try again with less data.",
                 "La tâche a été interrompue, car la machine manquait de mémoire. Réessayez avec moins de "
                 "données.");
    case agents::ExitCategory::kOomHeap:
      return say("The task needed more memory than it may use. Try again with less data.",
                 "La tâche a dépassé la mémoire qui lui est allouée. Réessayez avec moins de données.");
    case agents::ExitCategory::kPluginError:
      if (!diagnosis.stderr_lines.empty()) {
        return absl::StrCat(say("The task stopped because of an error. It said: ",
                                "La tâche s'est arrêtée sur une erreur. Son message : "),
                            absl::StrJoin(diagnosis.stderr_lines, " | "));
      }
      return say("The task stopped because of an error. The details are in its log.",
                 "La tâche s'est arrêtée sur une erreur. Les détails sont dans son journal.");
    case agents::ExitCategory::kUnknown:
      return absl::StrCat(
          say("The task stopped unexpectedly (", "La tâche s'est arrêtée de façon inattendue ("),
          french && diagnosis.status && WIFEXITED(*diagnosis.status)
              ? absl::StrCat("code de sortie ", WEXITSTATUS(*diagnosis.status))
              : HowItEnded(diagnosis.status),
          ").");
    case agents::ExitCategory::kUnobserved:
      break;
  }
  return say("The task ended.", "La tâche a pris fin.");
}

}  // namespace

std::string EndUserText(const Diagnosis& diagnosis, Language language) {
  std::vector<std::string> lines = {UserHeadline(diagnosis, language)};
  Append(&lines, ExternalLines(diagnosis.external, language));
  return absl::StrJoin(lines, " ");
}

std::string LogLine(const Diagnosis& diagnosis) {
  std::string line = absl::StrCat("agent ", diagnosis.agent);
  if (!diagnosis.kind.empty()) absl::StrAppend(&line, " kind ", diagnosis.kind);
  if (!diagnosis.slot.empty()) absl::StrAppend(&line, " slot ", diagnosis.slot);
  const std::string_view category = agents::ExitCategoryName(diagnosis.category);
  return absl::StrCat(line, " (pid ", diagnosis.pid, ") ended, ",
                      absl::string_view(category.data(), category.size()), ": ", OperatorText(diagnosis));
}

}  // namespace agent_exporter::run
