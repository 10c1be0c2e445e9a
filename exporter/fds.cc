// `agent_exporter fds PID|AGENT`: what the descriptors of a process, or of an agent's processes, are.

#include <algorithm>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agents/sample_lookup.h"
#include "base/label_value.h"
#include "base/units.h"
#include "exporter/commands.h"
#include "exporter/fd_groups.h"
#include "exporter/running_service.h"
#include "exporter/text_table.h"

namespace agent_exporter::exporter {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMostLinks = 100'000;                   // of one process
constexpr size_t kMostLinksOfOthers = 4'096;             // where the other ends are looked for
constexpr size_t kMostGroups = 15, kMostProcesses = 20;  // shown in the table
constexpr std::chrono::seconds kWatchEvery{2};

// One process and its groups.
struct Holder {
  kernel::ProcessKey key;
  std::string command;
  std::optional<uint64_t> limit;
  absl::StatusOr<kernel::OpenDescriptors> open;
  std::vector<FdGroup> groups;

  size_t count() const { return open.ok() ? open->list.size() : 0; }
};

// Kind and target of a process' group, and how many it had at the first look.
using FirstCounts = std::map<std::tuple<pid_t, kernel::DescriptorKind, std::string>, size_t>;

class FdLook {
 public:
  FdLook(serve::Watch& watch, std::string target, std::string procfs)
      : watch_(watch), target_(std::move(target)), proc_(std::move(procfs)) {}

  // The processes that were asked for, the one with the most descriptors first. NotFound: there are none.
  absl::StatusOr<std::vector<Holder>> Look() {
    auto observation = watch_.observer().Observe(true);
    if (!observation.ok()) return observation.status();
    std::vector<kernel::ProcessStat> rows;
    if (absl::Status status = watch_.source().ReadAll(&rows); !status.ok()) return status;
    std::vector<Holder> holders = Asked(**observation, rows);
    if (holders.empty()) {
      return absl::NotFoundError(absl::StrCat("no process and no agent ", base::LabelValue(target_),
                                              " can be seen; agent_exporter status lists the agents"));
    }
    FdContext context = Surroundings(**observation, rows);
    for (Holder& holder : holders) {
      holder.open = watch_.files().Descriptors(holder.key, kMostLinks);
      if (!holder.open.ok()) continue;
      context.sockets = kernel::ReadSocketEnds(proc_, holder.key.pid);
      holder.groups = GroupFds(holder.key.pid, *holder.open, context);
      const auto limits = watch_.files().Limits(holder.key.pid);
      if (limits.ok()) holder.limit = limits->open_files;
    }
    std::stable_sort(holders.begin(), holders.end(),
                     [](const Holder& a, const Holder& b) { return a.count() > b.count(); });
    return holders;
  }

 private:
  std::vector<Holder> Asked(const agents::Observation& observation,
                            const std::vector<kernel::ProcessStat>& rows) const {
    std::vector<Holder> holders;
    const auto add = [&holders](const kernel::ProcessKey& key, const std::string& command) {
      holders.push_back(
          {.key = key, .command = command, .limit = {}, .open = absl::UnknownError(""), .groups = {}});
    };
    pid_t pid = 0;
    if (absl::SimpleAtoi(target_, &pid)) {
      for (const kernel::ProcessStat& row : rows) {
        if (row.key.pid == pid) add(row.key, CommandOf(observation, row));
      }
      return holders;
    }
    for (const agents::AgentSample& agent : observation.agents) {
      if (agent.name != target_) continue;
      for (const agents::ProcessSample& process : agent.processes) {
        if (process.state != 'Z') add(process.key, process.command);
      }
    }
    return holders;
  }

  static std::string CommandOf(const agents::Observation& observation, const kernel::ProcessStat& row) {
    for (const agents::AgentSample& agent : observation.agents) {
      if (const auto* const process = agents::FindProcess(agent, row.key)) return process->command;
    }
    return base::LabelValue(row.comm);
  }

  // What pipes and sockets others hold, as far as this user may read it.
  FdContext Surroundings(const agents::Observation& observation,
                         const std::vector<kernel::ProcessStat>& rows) {
    FdContext context;
    for (const kernel::ProcessStat& row : rows) {
      if (row.kernel_thread || row.state == 'Z') continue;
      context.names[row.key.pid] = absl::StrCat(CommandOf(observation, row), " (pid ", row.key.pid, ")");
      const auto open = watch_.files().Descriptors(row.key, kMostLinksOfOthers);
      if (!open.ok()) continue;
      for (const kernel::OpenDescriptor& one : open->list) {
        if (one.target.starts_with("pipe:") || one.target.starts_with("socket:")) {
          context.holders[one.target].insert(row.key.pid);
        }
      }
    }
    return context;
  }

  serve::Watch& watch_;
  const std::string target_;
  const kernel::RootedReader proc_;
};

size_t Growth(const Holder& holder, const FdGroup& group, const FirstCounts& first) {
  const auto found = first.find({holder.key.pid, group.kind, group.target});
  const size_t before = found == first.end() ? 0 : found->second;
  return group.count > before ? group.count - before : 0;
}

// `first`: null at the first look.
void PrintTable(const std::vector<Holder>& holders, const FirstCounts* first, std::ostream& out) {
  for (size_t i = 0; i < std::min(holders.size(), kMostProcesses); ++i) {
    const Holder& holder = holders[i];
    out << (i == 0 ? "" : "\n") << Printable(holder.command) << " (pid " << holder.key.pid << ")";
    if (!holder.open.ok()) {
      out << ": " << holder.open.status().message() << "\n";
      continue;
    }
    out << " holds " << base::Count(holder.count()) << (holder.open->whole ? "" : " or more");
    if (holder.limit) out << " of " << base::Count(*holder.limit);
    out << " descriptors\n";
    std::vector<std::vector<std::string>> rows;
    const size_t shown = std::min(holder.groups.size(), kMostGroups);
    for (size_t g = 0; g < shown; ++g) {
      const FdGroup& group = holder.groups[g];
      const size_t grown = first == nullptr ? 0 : Growth(holder, group, *first);
      rows.push_back({absl::StrCat("  ", kernel::Name(group.kind)), base::Count(group.count)});
      if (first != nullptr) rows.back().push_back(grown > 0 ? absl::StrCat("+", base::Count(grown)) : "");
    }
    const std::vector<std::string> lines = AlignedRows(rows, 1);
    for (size_t g = 0; g < shown; ++g) {
      const std::string& target = holder.groups[g].target;
      out << lines[g] << (target.empty() ? "" : "  ") << Printable(base::LabelValue(target)) << "\n";
    }
    if (holder.groups.size() > shown) out << "  " << holder.groups.size() - shown << " more groups\n";
  }
  if (holders.size() > kMostProcesses) {
    out << "\n" << holders.size() - kMostProcesses << " more processes; --json has them all\n";
  }
}

void PrintJson(const std::vector<Holder>& holders, const FirstCounts* first, std::ostream& out) {
  Json processes = Json::array();
  for (const Holder& holder : holders) {
    Json process = {{"pid", holder.key.pid}, {"command", holder.command}};
    if (holder.limit) process["max_fds"] = *holder.limit;
    if (!holder.open.ok()) {
      process["error"] = std::string(holder.open.status().message());
    } else {
      process["open_fds"] = holder.count();
      process["whole"] = holder.open->whole;
      Json& groups = process["groups"] = Json::array();
      for (const FdGroup& group : holder.groups) {
        groups.push_back(
            {{"fd_kind", kernel::Name(group.kind)}, {"target", group.target}, {"fds", group.count}});
        if (first != nullptr) groups.back()["grown"] = Growth(holder, group, *first);
      }
    }
    processes.push_back(std::move(process));
  }
  out << PrintableJson(
             Json{{"processes", std::move(processes)}}.dump(-1, ' ', false, Json::error_handler_t::replace))
      << "\n";
}

}  // namespace

int RunFds(const Options& asked, std::ostream& out, std::ostream& err) {
  const auto service = FindService(asked);
  if (absl::IsFailedPrecondition(service.status())) return Fail(service.status(), err);
  const Options options = service.ok() ? service->Applied(asked) : asked;
  auto watch = MakeOneShotWatch(options);
  if (!watch.ok()) return Fail(watch.status(), err);
  FdLook look(**watch, options.target, options.procfs);
  FirstCounts first;
  for (bool again = false;; again = true) {
    const auto holders = look.Look();
    if (!holders.ok()) return Fail(holders.status(), err);
    if (options.live && !options.json) out << kClearScreen;
    options.json ? PrintJson(*holders, again ? &first : nullptr, out)
                 : PrintTable(*holders, again ? &first : nullptr, out);
    out << std::flush;
    if (!options.live) return holders->front().open.ok() ? 0 : Fail(holders->front().open.status(), err);
    if (!out.good()) return 0;
    for (const Holder& holder : *holders) {
      for (const FdGroup& group : holder.groups) {
        if (!again) first[{holder.key.pid, group.kind, group.target}] = group.count;
      }
    }
    std::this_thread::sleep_for(kWatchEvery);
  }
}

}  // namespace agent_exporter::exporter
