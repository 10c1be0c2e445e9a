// `agent_exporter snapshot`: takes one snapshot of one agent.

#include "exporter/snapshot_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "base/host_name.h"
#include "exporter/commands.h"
#include "exporter/help_formatter.h"
#include "exporter/running_service.h"
#include "exporter/text_table.h"
#include "hooks/hook_pool.h"
#include "sessions/one_look.h"
#include "snapshot/diff_event.h"
#include "snapshot/snapshot_config.h"
#include "snapshot/snapshot_json.h"
#include "snapshot/store.h"

namespace agent_exporter::exporter {
namespace {

void Warn(const std::string& line, std::ostream& err) {
  err << "agent_exporter: warning: " << Printable(line) << std::endl;
}

std::optional<sessions::AgentMeta> ReadMeta(const agents::Observation& observation, const std::string& name,
                                            sessions::OneLook& look) {
  look.Look(observation);
  for (const agents::AgentSample& agent : observation.agents) {
    if (agent.name != name) continue;
    if (auto meta = look.Meta(agent)) return meta;
  }
  return std::nullopt;
}

// The exporter that takes snapshots into this directory: the writer of the last one, if it is still running.
std::optional<pid_t> FindDaemon(const snapshot::SnapshotStore& store, const std::string& agent,
                                kernel::ProcessSource& source) {
  const auto latest = store.ReadLatest(agent);
  if (!latest.ok()) return std::nullopt;
  const auto json = nlohmann::json::parse(*latest, nullptr, /*allow_exceptions=*/false);
  const nlohmann::json::json_pointer where("/pids/container_daemon");
  if (!json.is_object() || !json.contains(where) || !json[where].is_number_integer()) return std::nullopt;
  const pid_t pid = json[where].get<pid_t>();
  // The pid may belong to another process by now, so require our own process name.
  const auto found = source.ReadOne({.pid = pid}), self = source.ReadOne({.pid = ::getpid()});
  return found.ok() && self.ok() && found->comm == self->comm ? std::optional(pid) : std::nullopt;
}

snapshot::SnapshotAgent ConfiguredAgent(const snapshot::SnapshotOptions& options,
                                        const SnapshotCommandOptions& command) {
  snapshot::SnapshotAgent agent{.name = command.agent};
  for (const snapshot::SnapshotAgent& configured : options.agents) {
    if (configured.name == command.agent) agent = configured;
  }
  if (!command.session.empty()) agent.session = command.session;
  return agent;
}

// Without such an agent the snapshot shows only the host. Most likely the name is misspelt.
void WarnIfUnknown(const agents::Observation& observation, const std::string& name, std::ostream& err) {
  std::vector<std::string> names;
  names.reserve(observation.agents.size());
  for (const agents::AgentSample& agent : observation.agents) names.push_back(agent.name);
  if (std::find(names.begin(), names.end(), name) != names.end()) return;
  Warn(fmt::format("no agent called {} is running or configured ({}); the snapshot shows only the host", name,
                   names.empty() ? "none is known" : "known: " + absl::StrJoin(names, ", ")),
       err);
}

absl::StatusOr<snapshot::StoredSnapshot> TakeSnapshot(const Options& asked, std::ostream& err) {
  const auto service = FindService(asked);
  if (absl::IsFailedPrecondition(service.status())) return service.status();
  const Options options = service.ok() ? service->Applied(asked) : asked;
  auto config = LoadConfig(options.config_file);
  if (!config.ok()) return config.status();
  snapshot::SnapshotOptions snapshot =
      config->snapshot ? config->snapshot->options : snapshot::SnapshotOptions();
  const std::vector<hooks::HookOptions> hooks =
      config->snapshot ? config->snapshot->hooks : std::vector<hooks::HookOptions>();
  sessions::OneLook meta(config->sessions, config->meta, options.procfs,
                         [&err](const std::string& line) { Warn(line, err); });
  auto watch = MakeWatch({.procfs = options.procfs, .sysfs = options.sysfs}, *std::move(config));
  if (!watch.ok()) return watch.status();
  const auto observed = (*watch)->observer().Observe(true);
  if (!observed.ok()) return observed.status();
  const agents::Observation& observation = **observed;
  WarnIfUnknown(observation, options.snapshot.agent, err);

  const kernel::RootedReader proc(options.procfs);
  const snapshot::ProbeResults probes = snapshot::RunProbes({});
  for (const std::string& failure : probes.failures) Warn(failure, err);
  const snapshot::SnapshotAgent agent = ConfiguredAgent(snapshot, options.snapshot);
  const agents::AgentSample merged = snapshot::MergedAgent(observation, agent.name);
  const std::string& flag =
      options.snapshot.short_dir.empty() ? options.snapshot.dir : options.snapshot.short_dir;
  const snapshot::SnapshotStore store({.dir = snapshot::SnapshotDir(flag, snapshot.dir)});
  auto stored = store.Write(
      agent.name,
      snapshot::MakeSnapshot(
          {.observation = observation,
           .agent = merged,
           .session = agent.session,
           .probes = probes,
           .names = snapshot.names,
           .sidecars = snapshot::CheckSidecars(agent.sidecars, observation, merged.processes, proc),
           .meta = ReadMeta(observation, agent.name, meta),
           .daemon = FindDaemon(store, agent.name, (*watch)->source()),
           .host = base::HostName()}),
      options.snapshot.no_diff ? std::nullopt : std::optional(snapshot.diff));
  if (stored.ok() && stored->diff) {
    // If a daemon runs, it compares its next snapshot with this one. So only we can report this change.
    hooks::HookPool pool(hooks, [&err](const std::string& line) { Warn(line, err); });
    pool.Notify(snapshot::DiffEvent(agent.name, *stored->diff, stored->snapshot));
    pool.WaitUntilIdle();
  }
  return stored;
}

}  // namespace

CLI::App* AddSnapshotCommand(CLI::App& app, SnapshotCommandOptions& options) {
  app.add_option("--snapshot.dir", options.dir, "Directory of the snapshots; ~ is your home")
      ->envname(EnvironmentName("snapshot.dir"));
  CLI::App* command = app.add_subcommand("snapshot", "Write a snapshot of the host for one agent");
  command->add_option("--agent", options.agent, "Which agent")->required();
  command->add_option("--session", options.session, "The tmux session it runs in");
  command->add_option("--dir", options.short_dir, "Short for --snapshot.dir");
  command->add_flag("--no-diff", options.no_diff, "Do not compare with the previous snapshot");
  command->add_flag("--print", options.print, "Print the snapshot too");
  command->add_flag("--terse", options.terse, "Print its main keys as one flat JSON object");
  return command;
}

int RunSnapshot(const Options& options, std::ostream& out, std::ostream& err) {
  if (options.snapshot.agent.empty())
    return Fail(absl::InvalidArgumentError("--agent is empty; name an agent, see agent_exporter status"),
                err);
  const auto stored = TakeSnapshot(options, err);
  if (!stored.ok()) return Fail(stored.status(), err);
  if (options.snapshot.print) {
    out << PrintableJson(snapshot::SnapshotText(stored->snapshot));
    return 0;
  }
  if (options.snapshot.terse) {
    out << PrintableJson(snapshot::SnapshotText(snapshot::TerseSnapshot(stored->snapshot)));
    return 0;
  }
  const auto& fields = stored->snapshot["diff_fields"];
  out << fmt::format("{} written, {} changed\n", Printable(stored->path),
                     fields.empty()       ? "nothing"
                     : fields.size() == 1 ? "1 field"
                                          : fmt::format("{} fields", fields.size()));
  return 0;
}

}  // namespace agent_exporter::exporter
