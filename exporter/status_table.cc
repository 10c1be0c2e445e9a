// The table of `agent_exporter status` for 80 columns.

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agents/resource_names.h"
#include "agents/sample_lookup.h"
#include "base/units.h"
#include "collectors/family.h"
#include "exporter/commands.h"
#include "exporter/text_table.h"
#include "serve/concern.h"

namespace agent_exporter::exporter {
namespace {

constexpr size_t kColumns = 80;
constexpr size_t kLongestName = 22, kShortestName = 8;
// Sessions of one agent that get a line.
constexpr size_t kMostSessions = 12;
constexpr char kUnknown[] = "-";

using Severity = serve::Concern::Severity;

const char* Mark(Severity severity) {
  switch (severity) {
    case Severity::kPage:
      return "!!";
    case Severity::kNear:
    case Severity::kTicket:
      return "! ";
    case Severity::kDied:
    case Severity::kDown:
      return "x ";
    case Severity::kNone:
      break;
  }
  return "  ";
}

const char* State(const agents::AgentSample& agent, Severity severity) {
  if (severity == Severity::kPage || severity == Severity::kTicket) return "leaking";
  if (severity == Severity::kNear) return "near limit";
  return collectors::Instances(agent) > 0 ? "up" : "down";
}

std::string Percent(double ratio) { return absl::StrFormat("%.0f%%", ratio * 100); }

std::string BytesOr(std::optional<uint64_t> bytes) {
  return bytes ? base::Bytes(static_cast<double>(*bytes)) : kUnknown;
}

// "952", "105k", "1.0M": a limit may have seven digits.
std::string ShortCount(uint64_t count) {
  if (count < 10'000) return absl::StrCat(count);
  if (count < 1'000'000) return absl::StrCat(count / 1000, "k");
  return absl::StrFormat("%.1fM", static_cast<double>(count) / 1e6);
}

std::string FdsOf(const agents::ProcessSample& process) {
  if (!process.usage.open_fds) return kUnknown;
  return absl::StrCat(ShortCount(*process.usage.open_fds), "/",
                      process.limits.open_files ? ShortCount(*process.limits.open_files) : kUnknown);
}

std::string Nearest(const agents::AgentSample& agent) {
  const agents::ResourceUse* const nearest = agents::FullestLimit(agent);
  if (nearest == nullptr) return kUnknown;
  std::string name = Name(nearest->resource);
  return absl::StrCat(name.substr(0, name.find('_')), " ", Percent(nearest->ratio()));
}

std::vector<std::string> AgentRow(const agents::AgentSample& agent, const serve::Concern& concern,
                                  const std::vector<const agents::ProcessSample*>& roots) {
  std::string name = agent.name;
  if (!agent.slot.empty()) absl::StrAppend(&name, "/", agent.slot);
  const auto tree = collectors::SumOver(
      agent, [](const auto&) { return true; },
      [](const auto& process) { return process.usage.resident_bytes; });
  const bool one = roots.size() == 1;
  return {absl::StrCat(Mark(concern.severity), Printable(name)),
          State(agent, concern.severity),
          one             ? absl::StrCat(roots[0]->key.pid)
          : roots.empty() ? kUnknown
                          : absl::StrCat(roots.size(), " pids"),
          absl::StrCat(agent.processes.size()),
          Percent(agent.tree_cpu_ratio),
          agent.processes.empty() ? kUnknown : BytesOr(tree),
          one ? FdsOf(*roots[0]) : kUnknown,
          Nearest(agent)};
}

std::vector<std::string> SessionRow(const sessions::Session& session) {
  const std::optional<double> context = session.context_ratio();
  return {"    " + Printable(session.name),
          session.status ? std::string(sessions::Name(*session.status)) : "",
          absl::StrCat(session.key.pid),
          "",
          Percent(session.cpu_ratio),
          BytesOr(session.resident_bytes),
          "",
          context ? "context " + Percent(*context) : ""};
}

}  // namespace

std::string StatusTable(const agents::Observation& observation, const sessions::SessionSource& sessions) {
  if (observation.agents.empty()) {
    return "No agent runs now. Well-known agents are found automatically; your own need a rule in "
           "--config.file.\n";
  }
  std::vector<std::vector<std::string>> rows = {
      {"  AGENT", "STATE", "PID", "PROCS", "CPU", "MEMORY", "FDS", "LIMIT"}};
  std::vector<std::string> below(1);  // what stands below each row
  for (const agents::AgentSample* agent : serve::WorstFirst(observation)) {
    const serve::Concern concern = serve::ConcernOf(*agent, observation.wall_seconds);
    std::vector<const agents::ProcessSample*> roots;
    for (const agents::ProcessSample& process : agent->processes) {
      if (collectors::IsLiveRoot(process) && !process.inner) roots.push_back(&process);
    }
    rows.push_back(AgentRow(*agent, concern, roots));
    std::string text;
    if (concern.severity != Severity::kNone) text += Wrapped(Printable(concern.sentence), kColumns, "     ");
    if (!concern.advice.empty()) text += Wrapped("-> " + Printable(concern.advice), kColumns, "     ");
    below.push_back(std::move(text));
    const std::vector<sessions::Session> all = sessions ? sessions(*agent) : std::vector<sessions::Session>();
    // One session of which nothing more is known is the agent's row again.
    if (all.empty() || (all.size() == 1 && !all[0].status)) continue;
    for (size_t i = 0; i < std::min(all.size(), kMostSessions); ++i) {
      rows.push_back(SessionRow(all[i]));
      below.emplace_back();
    }
    if (all.size() > kMostSessions) {
      below.back() = absl::StrCat("    and ", all.size() - kMostSessions, " more\n");
    }
  }
  for (auto& row : rows) row[0] = Shortened(row[0], kLongestName);
  std::vector<std::string> lines = AlignedRows(rows, 2);
  if (const size_t width = TextWidth(lines[0]); width > kColumns) {
    const size_t over = std::min(width - kColumns, kLongestName - kShortestName);
    for (auto& row : rows) row[0] = Shortened(row[0], kLongestName - over);
    lines = AlignedRows(rows, 2);
  }
  std::string table;
  for (size_t i = 0; i < lines.size(); ++i) absl::StrAppend(&table, lines[i], "\n", below[i]);
  return table;
}

}  // namespace agent_exporter::exporter
