#include "exporter/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "base/build_info.h"
#include "base/nearest_word.h"
#include "collectors/collector.h"
#include "exporter/help_formatter.h"

namespace agent_exporter::exporter {
namespace {

template <typename Value>
CLI::Option* Flag(CLI::App& app, const std::string& name, Value& value, const std::string& help) {
  return app.add_option("--" + name, value, help)->envname(EnvironmentName(name));
}

CLI::Option* Switch(CLI::App& app, const std::string& name, bool& value, const std::string& help) {
  return app.add_flag("--" + name, value, help)->envname(EnvironmentName(name));
}

void AddCollectorFlags(CLI::App& app, Options& options) {
  for (const collectors::CollectorRow& row : collectors::CollectorTable()) {
    const std::string name(row.name);
    app.add_flag(fmt::format("--collector.{0},!--no-collector.{0}", name), options.collectors[name],
                 std::string(row.help))
        ->envname(EnvironmentName("collector." + name))
        ->group(kCollectorGroup);
  }
}

void AddFlags(CLI::App& app, Options& options) {
  // One value per flag, or it would consume a PID that follows. The environment separates values by commas.
  Flag(app, "web.listen-address", options.listen, "Address to serve on, [host]:port; repeatable")
      ->allow_extra_args(false)
      ->delimiter(',')
      ->default_str(options.listen.front());
  Flag(app, "web.telemetry-path", options.telemetry_path, "Path to serve the metrics at")
      ->capture_default_str();
  Flag(app, "web.allowed-host", options.allowed_hosts,
       "Name by which browsers may reach this host, besides its own and its addresses; repeatable")
      ->allow_extra_args(false)
      ->delimiter(',');
  Flag(app, "web.max-requests", options.max_requests,
       "Most concurrent scrapes, further ones get 503; 0: no limit")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  Switch(app, "web.disable-exporter-metrics", options.disable_exporter_metrics,
         "Leave out the metrics about the exporter itself");
  Flag(app, "web.token-file", options.token_file,
       "File with the bearer token for all routes except the metrics; default: created in the state "
       "directory");
  Flag(app, "web.config.file", options.web_config_file,
       "File with TLS and passwords for all routes, in the format of Prometheus exporters");
  Flag(app, "config.file", options.config_file,
       "YAML configuration file; without one, well-known agents are watched");
  Switch(app, "no-ledger", options.no_ledger, "Keep no history: no ledger file, no /resources routes");
  Flag(app, "ledger.path", options.ledger_path,
       "The ledger's file; default: resource-ledger.db in the state directory");
  Switch(app, "collector.disable-defaults", options.disable_default_collectors,
         "Enable only collectors that have a --collector.<name> flag");
  Flag(app, "path.procfs", options.procfs, "Where procfs is mounted")->capture_default_str();
  Flag(app, "process.source", options.process_source, "How to read processes: auto, bpf or procfs")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "bpf", "procfs"}));
  Flag(app, "process.events", options.process_events,
       "How to receive forks and exits: auto, bpf, netlink or none")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "bpf", "netlink", "none"}));
  Flag(app, "path.sysfs", options.sysfs, "Where sysfs is mounted")->capture_default_str();
  Flag(app, "socket", options.socket,
       "Socket of serve, which other commands ask and run hands its task to: a path, auto or none")
      ->capture_default_str();
  Flag(app, "log.level", options.log_level, "debug, info, warn or error")
      ->capture_default_str()
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
  Flag(app, "log.format", options.log_format, "logfmt or json")
      ->capture_default_str()
      ->check(CLI::IsMember({"logfmt", "json"}));
}

// "; did you mean status?" for a word on the command line that is no flag and no command; else empty.
std::string DidYouMean(const CLI::App& app, const CLI::ParseError& error) {
  if (dynamic_cast<const CLI::ExtrasError*>(&error) == nullptr) return "";
  std::vector<std::string> known;
  const auto add_flags = [&known](const CLI::App& of) {
    for (const CLI::Option* option : of.get_options()) {
      for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
    }
  };
  add_flags(app);
  for (const CLI::App* command : app.get_subcommands(nullptr)) known.push_back(command->get_name());
  for (const CLI::App* command : app.get_subcommands()) add_flags(*command);
  for (const std::string& word : app.remaining(true)) {
    const std::string_view flag = std::string_view(word).substr(0, word.find('='));
    const auto nearest = base::NearestWord(flag, {known.begin(), known.end()});
    if (!nearest.empty()) return absl::StrCat("; did you mean ", std::string(nearest), "?");
  }
  return "";
}

// Since 2.2 CLI11 ignores a variable whose value fails a check; for a flag that is an error.
std::optional<EarlyExit> CheckEnvironment(const CLI::App& app) {
  for (const CLI::App* command : app.get_subcommands()) {  // those on the command line
    if (auto refused = CheckEnvironment(*command)) return refused;
  }
  for (const CLI::Option* option : app.get_options()) {
    const char* value = option->get_envname().empty() ? nullptr : std::getenv(option->get_envname().c_str());
    if (value == nullptr || *value == '\0' || option->count() > 0) continue;
    return EarlyExit{2, "",
                     absl::StrCat("agent_exporter: ", option->get_envname(), ": bad value ", value,
                                  "; see agent_exporter --help\n")};
  }
  return std::nullopt;
}

EarlyExit Mistake(std::string_view what) {
  return EarlyExit{2, "", absl::StrCat("agent_exporter: ", std::string(what), "\n")};
}

// The command line of a program that is called process-exporter.
std::variant<Options, EarlyExit> ParseAsProcessExporter(int argc, const char* const* argv) {
  const auto words = FromProcessExporter(std::vector<std::string>(argv + 1, argv + argc));
  if (!words.ok()) return Mistake(std::string(words.status().message()));
  std::vector<const char*> ours = {"agent_exporter"};
  for (const std::string& word : *words) ours.push_back(word.c_str());
  auto parsed = ParseCommandLine(static_cast<int>(ours.size()), ours.data());
  const Options* options = std::get_if<Options>(&parsed);
  if (options != nullptr && !options->compat.enabled()) {
    return Mistake("nothing to watch; give a configuration file (-config.path) or names (-procnames)");
  }
  return parsed;
}

}  // namespace

std::variant<Options, EarlyExit> ParseCommandLine(int argc, const char* const* argv) {
  if (argc > 0 && IsProcessExporter(argv[0])) return ParseAsProcessExporter(argc, argv);
  Options options;
  CLI::App app(
      "Watches long-running agents and the processes they start, from outside, and exports metrics to\n"
      "Prometheus. Without a command it runs serve.",
      "agent_exporter");
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_help_flag("-h,--help", "Print this and exit");
  app.set_version_flag("--version", base::VersionLine(), "Print the version and exit");
  app.require_subcommand(0, 1);
  app.fallthrough();

  CLI::App* serve =
      app.add_subcommand("serve", "Serve metrics over HTTP (the default); SIGHUP re-reads the configuration");
  CLI::App* status = app.add_subcommand("status", "Print a table of the running agents");
  CLI::Option* status_json = status->add_flag("--json", options.json, "Print JSON instead");
  status->add_flag("--terse", options.terse, "With --json: only the main keys, flat")->needs(status_json);
  status->add_flag("--wide", options.wide, "All columns, wider than 80")->excludes(status_json);
  status->add_flag("-w,--live", options.live, "Print it anew every two seconds")->excludes(status_json);
  CLI::App* traits = app.add_subcommand("traits", "Print one agent's resource use as JSON");
  traits->add_option("--agent", options.agent, "The agent; required if several run");
  traits->add_option("--kind", options.kind, "Of the agents of that name, the one of this kind");
  traits->add_option("--slot", options.slot, "Of the agents of that name, the one in this slot");
  traits->add_option("--template", options.template_file,
                     "Print this file with its {{ .Traits.agent_self.rss_bytes }} and the like filled in");
  CLI::App* explain =
      app.add_subcommand("explain", "Say which rule matches a process and why the others do not");
  explain->add_option("PID-OR-NAME", options.target, "A process, or all of an agent or program")->required();
  CLI::App* fds = app.add_subcommand(
      "fds", "Show what the descriptors of a process or an agent are, and where they lead");
  fds->add_option("PID-OR-AGENT", options.target, "A process, or all of an agent")->required();
  fds->add_flag("--json", options.json, "Print JSON instead");
  fds->add_flag("--watch", options.live,
                "Print it anew every two seconds, with what has grown since the first time");
  CLI::App* check = app.add_subcommand("check-config", "Check a configuration file and exit");
  check->add_option("FILE", options.check_file, "The file")->required();
  CLI::App* doctor =
      app.add_subcommand("doctor", "Say what works for this user on this host, and how to fix the rest");
  doctor->add_flag("--json", options.json, "Print JSON instead");
  CLI::App* open = app.add_subcommand("open", "Print the link to the page of the exporter on this host");
  CLI::App* statusline = app.add_subcommand(
      "statusline",
      "Claude Code's status line: keeps what it says of the session, prints a line or runs CMD");
  CLI::App* tmux_status =
      app.add_subcommand("tmux-status", "Print who works and who waits, for tmux' status bar");
  CLI::App* import = app.add_subcommand(
      "import-process-exporter", "Print a configuration for agent_exporter made from process-exporter's");
  import->add_option("FILE", options.import_file, "process-exporter's configuration file")->required();
  CLI::App* event = AddEventCommand(app, options.event);
  CLI::App* run = AddRunCommand(app, options.run);
  CLI::App* diagnose = AddDiagnoseExitCommand(app, options.diagnose);
  AddFlags(app, options);
  AddCompatFlags(app, options.compat);
  CLI::App* snapshot = AddSnapshotCommand(app, options.snapshot);
  AddCollectorFlags(app, options);

  // The words after -- are another program's command line. CLI11 must not see them: it would read [a,b] as a
  // list.
  const char* const* const end =
      std::find_if(argv, argv + argc, [](const char* word) { return std::string_view(word) == "--"; });
  std::vector<std::string> words;
  if (end != argv + argc) words.assign(end + 1, argv + argc);
  try {
    app.parse(static_cast<int>(end - argv), argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out, err;
    const int code = app.exit(error, out, err);
    // One line per error; --help has the rest.
    return EarlyExit{code == 0 ? 0 : 2, out.str(),
                     code == 0 ? err.str()
                               : absl::StrCat("agent_exporter: ", error.what(), DidYouMean(app, error),
                                              "; see agent_exporter --help\n")};
  }
  const bool takes_words = run->parsed() || statusline->parsed();
  if (run->parsed()) options.run.command = words;
  if (statusline->parsed()) options.wrapped = words;
  if ((end != argv + argc && (!takes_words || words.empty())) || (run->parsed() && words.empty())) {
    return EarlyExit{
        2, "",
        "agent_exporter: give the command to watch after run and --: agent_exporter run [flags] -- "
        "CMD ARG...\n"};
  }
  if (diagnose->parsed() && !options.diagnose.code && options.diagnose.signal.empty()) {
    return EarlyExit{2, "", "agent_exporter: diagnose-exit needs --code or --signal\n"};
  }
  if (auto error = CheckEnvironment(app)) return *std::move(error);
  if (options.compat.enabled() && app.get_option("--web.listen-address")->count() == 0) {
    options.listen = {":9256"};  // process-exporter's
  }
  // CLI11 creates a map entry for every collector; keep only those that a flag set.
  for (const collectors::CollectorRow& row : collectors::CollectorTable()) {
    const std::string name(row.name);
    if (app.get_option("--collector." + name)->count() == 0) options.collectors.erase(name);
  }
  if (!options.telemetry_path.starts_with('/')) {
    return EarlyExit{2, "",
                     absl::StrCat("agent_exporter: --web.telemetry-path is \"", options.telemetry_path,
                                  "\"; it must start with /\n")};
  }
  if (status->parsed()) options.command = Command::kStatus;
  if (traits->parsed()) options.command = Command::kTraits;
  if (explain->parsed()) options.command = Command::kExplain;
  if (fds->parsed()) options.command = Command::kFds;
  if (check->parsed()) options.command = Command::kCheckConfig;
  if (import->parsed()) options.command = Command::kImport;
  if (doctor->parsed()) options.command = Command::kDoctor;
  if (open->parsed()) options.command = Command::kOpen;
  if (statusline->parsed()) options.command = Command::kStatusline;
  if (tmux_status->parsed()) options.command = Command::kTmuxStatus;
  if (event->parsed()) options.command = Command::kEvent;
  if (snapshot->parsed()) options.command = Command::kSnapshot;
  if (run->parsed()) {
    options.command = Command::kRun;
    // The command writes to the same stderr, so log only warnings unless a flag asks for more.
    if (app.get_option("--log.level")->count() == 0) options.log_level = "warn";
  }
  if (diagnose->parsed()) options.command = Command::kDiagnoseExit;
  if (serve->parsed()) options.command = Command::kServe;
  return options;
}

}  // namespace agent_exporter::exporter
