#include "exporter/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cctype>
#include <memory>
#include <sstream>

#include "collectors/collector.h"
#include "exporter/version.h"

namespace agent_exporter {
namespace {

// AGENT_EXPORTER_WEB_LISTEN_ADDRESS for --web.listen-address.
std::string EnvironmentName(std::string_view flag) {
  std::string name = "AGENT_EXPORTER_";
  for (const char c : flag) {
    name += c == '.' || c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

template <typename Value>
CLI::Option* Flag(CLI::App& app, const std::string& name, Value& value, const std::string& help) {
  return app.add_option("--" + name, value, help)->envname(EnvironmentName(name))->group("Flags");
}

CLI::Option* Switch(CLI::App& app, const std::string& name, bool& value, const std::string& help) {
  return app.add_flag("--" + name, value, help)->envname(EnvironmentName(name))->group("Flags");
}

void AddCollectorFlags(CLI::App& app, Options& options) {
  for (const CollectorRow& row : CollectorTable()) {
    const std::string name(row.name);
    app.add_flag(fmt::format("--collector.{0},!--no-collector.{0}", name), options.collectors[name],
                 fmt::format("{}{}", row.help, row.enabled_by_default ? "" : " (off by default)"))
        ->envname(EnvironmentName("collector." + name))
        ->group("Collectors (--no-collector.<name> switches one off)");
  }
}

void AddFlags(CLI::App& app, Options& options) {
  Flag(app, "web.listen-address", options.listen, "Address to serve on, [host]:port; repeatable")
      ->capture_default_str();
  Flag(app, "web.telemetry-path", options.telemetry_path, "Path of the metrics")->capture_default_str();
  Flag(app, "web.max-requests", options.max_requests, "Scrapes answered at once, more get 503; 0: no limit")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  Switch(app, "web.disable-exporter-metrics", options.disable_exporter_metrics,
         "Leave out the exporter's own process_* and agent_exporter_* metrics");
  Flag(app, "config.file", options.config_file,
       "Configuration file (YAML); without one the built-in profiles apply");
  Switch(app, "collector.disable-defaults", options.disable_default_collectors,
         "Only collectors that are switched on by a flag");
  Flag(app, "path.procfs", options.procfs, "Where procfs is mounted")->capture_default_str();
  Flag(app, "path.sysfs", options.sysfs, "Where sysfs is mounted")->capture_default_str();
  Flag(app, "log.level", options.log_level, "debug, info, warn or error")
      ->capture_default_str()
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
  Flag(app, "log.format", options.log_format, "logfmt or json")
      ->capture_default_str()
      ->check(CLI::IsMember({"logfmt", "json"}));
}

}  // namespace

BuildInfo GetBuildInfo() { return {kVersion, kRevision, kCompiler}; }

std::string VersionLine() {
  return fmt::format("agent_exporter {} (revision {}, {})", kVersion, kRevision, kCompiler);
}

std::variant<Options, EarlyExit> ParseCommandLine(int argc, const char* const* argv) {
  Options options;
  CLI::App app(
      "agent_exporter watches long-running agents and everything they start, from outside, and shows it to "
      "Prometheus.\n"
      "Without a command it serves.",
      "agent_exporter");
  app.set_version_flag("--version", VersionLine());
  app.require_subcommand(0, 1);
  app.fallthrough();
  app.get_formatter()->column_width(44);

  CLI::App* serve =
      app.add_subcommand("serve", "Serve metrics over HTTP until SIGTERM; SIGHUP re-reads the configuration");
  CLI::App* status = app.add_subcommand("status", "Print a table of the agents that run now");
  status->add_flag("--json", options.json, "The same as JSON");
  CLI::App* traits =
      app.add_subcommand("traits", "Print one agent's own footprint as JSON, under agent_self");
  traits->add_option("--agent", options.agent, "Which agent; needed when several run");
  CLI::App* explain =
      app.add_subcommand("explain", "Say which rule took a process and why the others did not");
  explain->add_option("PID", options.pid, "The process")->required()->check(CLI::PositiveNumber);
  CLI::App* check = app.add_subcommand("check-config", "Check a configuration file");
  check->add_option("FILE", options.check_file, "The file")->required();
  AddFlags(app, options);
  AddCollectorFlags(app, options);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out, err;
    const int code = app.exit(error, out, err);
    // One line for a mistake; --help has the rest.
    return EarlyExit{code == 0 ? 0 : 2, out.str(),
                     code == 0
                         ? err.str()
                         : absl::StrCat("agent_exporter: ", error.what(), "; see agent_exporter --help\n")};
  }
  // CLI11 makes a map entry for every collector; only what a flag really said counts.
  for (const CollectorRow& row : CollectorTable()) {
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
  if (check->parsed()) options.command = Command::kCheckConfig;
  if (serve->parsed()) options.command = Command::kServe;
  return options;
}

}  // namespace agent_exporter
