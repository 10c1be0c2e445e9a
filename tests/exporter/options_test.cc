#include "exporter/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_split.h"
#include "base/build_info.h"
#include "collectors/collector.h"
#include "exporter/commands.h"

namespace agent_exporter::exporter {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::variant<Options, EarlyExit> Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "agent_exporter");
  return ParseCommandLine(static_cast<int>(arguments.size()), arguments.data());
}

Options Parsed(std::vector<const char*> arguments) {
  auto result = Parse(std::move(arguments));
  if (const auto* early = std::get_if<EarlyExit>(&result)) {
    ADD_FAILURE() << early->out << early->err;
    return {};
  }
  return std::get<Options>(std::move(result));
}

EarlyExit Exited(std::vector<const char*> arguments) {
  auto result = Parse(std::move(arguments));
  if (std::holds_alternative<EarlyExit>(result)) return std::get<EarlyExit>(std::move(result));
  ADD_FAILURE() << "was taken";
  return {};
}

class Environment {
 public:
  Environment(std::string name, const char* value) : name_(std::move(name)) {
    ::setenv(name_.c_str(), value, 1);
  }
  ~Environment() { ::unsetenv(name_.c_str()); }

 private:
  std::string name_;
};

TEST(Options, SuggestsTheFlagOrCommandThatWasMeant) {
  EXPECT_THAT(Exited({"stauts"}).err, HasSubstr("did you mean status?"));
  EXPECT_THAT(Exited({"--config.fil=x"}).err, HasSubstr("did you mean --config.file?"));
  EXPECT_THAT(Exited({"status", "--wied"}).err, HasSubstr("did you mean --wide?"));
  EXPECT_THAT(Exited({"--colector.io"}).err, HasSubstr("did you mean --collector.io?"));
  EXPECT_THAT(Exited({"rhubarb"}).err, Not(HasSubstr("did you mean")));
}

TEST(Options, Defaults) {
  const Options options = Parsed({});
  EXPECT_EQ(options.command, Command::kServe);
  EXPECT_THAT(options.listen, ElementsAre(":10058"));
  EXPECT_EQ(options.telemetry_path, "/metrics");
  EXPECT_EQ(options.max_requests, 40);
  EXPECT_FALSE(options.disable_exporter_metrics);
  EXPECT_EQ(options.config_file, "");
  EXPECT_THAT(options.collectors, testing::IsEmpty());
  EXPECT_FALSE(options.disable_default_collectors);
  EXPECT_EQ(options.procfs, "/proc");
  EXPECT_EQ(options.sysfs, "/sys");
  EXPECT_EQ(options.log_level, "info");
  EXPECT_EQ(options.log_format, "logfmt");
}

TEST(Options, EveryFlag) {
  const Options options =
      Parsed({"--web.listen-address=127.0.0.1:1", "--web.telemetry-path=/m", "--web.max-requests", "0",
              "--web.disable-exporter-metrics", "--config.file", "a.yaml", "--collector.io",
              "--no-collector.load", "--collector.disable-defaults", "--path.procfs=/host/proc",
              "--path.sysfs=/host/sys", "--log.level=debug", "--log.format=json"});
  EXPECT_THAT(options.listen, ElementsAre("127.0.0.1:1"));
  EXPECT_EQ(options.telemetry_path, "/m");
  EXPECT_EQ(options.max_requests, 0);
  EXPECT_TRUE(options.disable_exporter_metrics);
  EXPECT_EQ(options.config_file, "a.yaml");
  EXPECT_THAT(options.collectors, ElementsAre(testing::Pair("io", true), testing::Pair("load", false)));
  EXPECT_TRUE(options.disable_default_collectors);
  EXPECT_EQ(options.procfs, "/host/proc");
  EXPECT_EQ(options.sysfs, "/host/sys");
  EXPECT_EQ(options.log_level, "debug");
  EXPECT_EQ(options.log_format, "json");
}

TEST(Options, AddressesRepeatAndTakeOneValueEach) {
  const Options options =
      Parsed({"--web.listen-address", ":1", "explain", "--web.listen-address", "[::1]:2", "42"});
  EXPECT_THAT(options.listen, ElementsAre(":1", "[::1]:2"));
  EXPECT_EQ(options.target, "42");
}

TEST(Options, AllowedHostsRepeatAndTakeOneValueEach) {
  const Options options =
      Parsed({"--web.allowed-host", "a.example", "explain", "--web.allowed-host", "b.example", "42"});
  EXPECT_THAT(options.allowed_hosts, ElementsAre("a.example", "b.example"));
  EXPECT_EQ(options.target, "42");
}

TEST(Options, Commands) {
  EXPECT_EQ(Parsed({"serve"}).command, Command::kServe);
  EXPECT_EQ(Parsed({"status"}).command, Command::kStatus);
  EXPECT_TRUE(Parsed({"status", "--json"}).json);
  EXPECT_EQ(Parsed({"traits"}).command, Command::kTraits);
  EXPECT_EQ(Parsed({"traits", "--agent", "codex"}).agent, "codex");
  EXPECT_EQ(Parsed({"explain", "7"}).target, "7");
  EXPECT_EQ(Parsed({"explain", "7"}).command, Command::kExplain);
  EXPECT_EQ(Parsed({"check-config", "a.yaml"}).check_file, "a.yaml");
  EXPECT_EQ(Parsed({"check-config", "a.yaml"}).command, Command::kCheckConfig);
  EXPECT_EQ(Parsed({"doctor"}).command, Command::kDoctor);
  EXPECT_TRUE(Parsed({"doctor", "--json"}).json);
  EXPECT_TRUE(Parsed({"status", "--json", "--terse"}).terse);
  EXPECT_THAT(Exited({"status", "--terse"}).err, HasSubstr("--json"));
  EXPECT_TRUE(Parsed({"snapshot", "--agent=a", "--terse"}).snapshot.terse);
  const Options traits = Parsed({"traits", "--agent=a", "--kind", "", "--slot=2", "--template=f"});
  EXPECT_EQ(traits.kind, "");
  EXPECT_EQ(traits.slot, "2");
  EXPECT_EQ(traits.template_file, "f");
  EXPECT_EQ(Parsed({"traits"}).kind, std::nullopt);
  EXPECT_EQ(Parsed({"open"}).command, Command::kOpen);
}

TEST(Options, RunTakesWhatStandsBehindTheDashesAsItIs) {
  const Options options = Parsed({"run",
                                  "--name",
                                  "codex",
                                  "--kind=k",
                                  "--slot",
                                  "3",
                                  "--listen",
                                  ":1",
                                  "--interval=1s",
                                  "--capture-stderr",
                                  "--stderr-prefix",
                                  "[w]",
                                  "--diagnosis-file=f",
                                  "--socket=none",
                                  "--",
                                  "sh",
                                  "-c",
                                  "[a,b]",
                                  "--name=x",
                                  "--"});
  EXPECT_EQ(options.command, Command::kRun);
  EXPECT_THAT(options.run.command, ElementsAre("sh", "-c", "[a,b]", "--name=x", "--"));
  EXPECT_EQ(options.run.name, "codex");
  EXPECT_EQ(options.run.kind, "k");
  EXPECT_EQ(options.run.slot, "3");
  EXPECT_THAT(options.run.listen, ElementsAre(":1"));
  EXPECT_EQ(options.run.interval, "1s");
  EXPECT_TRUE(options.run.capture_stderr);
  EXPECT_FALSE(options.run.no_sampler);
  EXPECT_THAT(options.run.stderr_filter.prefixes, ElementsAre("[w]"));
  EXPECT_THAT(options.run.stderr_filter.substrings, Contains("NODE_TLS_REJECT_UNAUTHORIZED"));
  EXPECT_EQ(options.run.diagnosis_file, "f");
  EXPECT_EQ(options.socket, "none");
  EXPECT_TRUE(Parsed({"run", "--no-sampler", "--", "true"}).run.no_sampler);
  EXPECT_THAT(Parsed({"run", "--stderr-substring=a,b", "--", "true"}).run.stderr_filter.substrings,
              ElementsAre("a,b"));
}

TEST(Options, EveryFlagOfRunIsReadFromTheEnvironment) {
  const Environment name("AGENT_EXPORTER_NAME", "codex"), kind("AGENT_EXPORTER_KIND", "k"),
      slot("AGENT_EXPORTER_SLOT", "3"), listen("AGENT_EXPORTER_LISTEN", ":1,:2"),
      interval("AGENT_EXPORTER_INTERVAL", "1s"), no_sampler("AGENT_EXPORTER_NO_SAMPLER", "true"),
      capture("AGENT_EXPORTER_CAPTURE_STDERR", "true"), prefix("AGENT_EXPORTER_STDERR_PREFIX", "[w]"),
      substring("AGENT_EXPORTER_STDERR_SUBSTRING", "x"), file("AGENT_EXPORTER_DIAGNOSIS_FILE", "f");
  const RunOptions run = Parsed({"run", "--slot=4", "--", "true"}).run;
  EXPECT_EQ(run.name, "codex");
  EXPECT_EQ(run.kind, "k");
  EXPECT_EQ(run.slot, "4");
  EXPECT_THAT(run.listen, ElementsAre(":1", ":2"));
  EXPECT_EQ(run.interval, "1s");
  EXPECT_TRUE(run.no_sampler);
  EXPECT_TRUE(run.capture_stderr);
  EXPECT_THAT(run.stderr_filter.prefixes, ElementsAre("[w]"));
  EXPECT_THAT(run.stderr_filter.substrings, ElementsAre("x"));
  EXPECT_EQ(run.diagnosis_file, "f");
  EXPECT_EQ(Parsed({"status"}).command, Command::kStatus);
}

TEST(Options, RunIsQuietUnlessAskedToTalk) {
  EXPECT_EQ(Parsed({"run", "--", "true"}).log_level, "warn");
  EXPECT_EQ(Parsed({"run", "--log.level=info", "--", "true"}).log_level, "info");
  const Environment level("AGENT_EXPORTER_LOG_LEVEL", "debug");
  EXPECT_EQ(Parsed({"run", "--", "true"}).log_level, "debug");
}

TEST(Options, ACommandGoesWithRunOnly) {
  for (const std::vector<const char*>& words :
       {std::vector{"run"}, std::vector{"run", "--"}, std::vector{"--", "true"},
        std::vector{"status", "--", "x"}}) {
    EXPECT_THAT(Exited(words).err, HasSubstr("run [flags] -- CMD"));
  }
}

TEST(Options, DiagnoseExit) {
  const Options options = Parsed({"diagnose-exit", "--signal", "KILL", "--rss=815", "--cpu=0.5", "--json"});
  EXPECT_EQ(options.command, Command::kDiagnoseExit);
  EXPECT_EQ(options.diagnose.signal, "KILL");
  EXPECT_EQ(options.diagnose.resident_bytes, 815u);
  EXPECT_EQ(options.diagnose.cpu_ratio, 0.5);
  EXPECT_TRUE(options.diagnose.json);
  EXPECT_EQ(Parsed({"diagnose-exit", "--code=0"}).diagnose.code, 0);
  EXPECT_EQ(SignalNumber("SIGKILL"), SIGKILL);
  EXPECT_EQ(SignalNumber("9"), SIGKILL);
  EXPECT_EQ(SignalNumber("0"), std::nullopt);
  EXPECT_EQ(SignalNumber("NOPE"), std::nullopt);
}

TEST(Options, AFlagMayFollowTheCommand) {
  const Options options = Parsed({"status", "--config.file", "a.yaml", "--json", "--no-collector.load"});
  EXPECT_EQ(options.config_file, "a.yaml");
  EXPECT_TRUE(options.json);
  EXPECT_THAT(options.collectors, Contains(testing::Pair("load", false)));
}

TEST(Options, TheEnvironmentSetsFlags) {
  const Environment path("AGENT_EXPORTER_WEB_TELEMETRY_PATH", "/m");
  const Environment listen("AGENT_EXPORTER_WEB_LISTEN_ADDRESS", ":1,[::1]:2");
  const Environment io("AGENT_EXPORTER_COLLECTOR_IO", "true");
  const Environment load("AGENT_EXPORTER_COLLECTOR_LOAD", "false");
  const Environment disable("AGENT_EXPORTER_COLLECTOR_DISABLE_DEFAULTS", "1");
  const Options options = Parsed({});
  EXPECT_EQ(options.telemetry_path, "/m");
  EXPECT_THAT(options.listen, ElementsAre(":1", "[::1]:2"));
  EXPECT_THAT(options.collectors, ElementsAre(testing::Pair("io", true), testing::Pair("load", false)));
  EXPECT_TRUE(options.disable_default_collectors);
}

TEST(Options, TheCommandLineGoesBeforeTheEnvironment) {
  const Environment path("AGENT_EXPORTER_WEB_TELEMETRY_PATH", "/m");
  const Environment io("AGENT_EXPORTER_COLLECTOR_IO", "true");
  EXPECT_EQ(Parsed({"--web.telemetry-path=/n"}).telemetry_path, "/n");
  EXPECT_THAT(Parsed({"--no-collector.io"}).collectors, ElementsAre(testing::Pair("io", false)));
}

TEST(Options, ABadValueInTheEnvironmentIsAMistakeToo) {
  const Environment level("AGENT_EXPORTER_LOG_LEVEL", "loud");
  EXPECT_EQ(Exited({}).code, 2);
}

TEST(Options, EnabledCollectorsFollowDefaultsAndFlags) {
  std::set<std::string> defaults;
  for (const collectors::CollectorRow& row : collectors::CollectorTable()) {
    if (row.enabled_by_default) defaults.emplace(row.name);
  }
  EXPECT_EQ(EnabledCollectors(Parsed({})), defaults);
  EXPECT_THAT(EnabledCollectors(Parsed({"--collector.io", "--no-collector.load"})),
              AllOf(Contains("io"), Contains("memory"), Not(Contains("load"))));
  EXPECT_THAT(EnabledCollectors(Parsed({"--collector.disable-defaults", "--collector.load"})),
              ElementsAre("load"));
  EXPECT_THAT(EnabledCollectors(Parsed({"--collector.disable-defaults"})), testing::IsEmpty());
  EXPECT_THAT(EnabledCollectors(Parsed({"--web.disable-exporter-metrics", "--collector.exporter"})),
              Not(Contains("exporter")));
}

class BadCommandLine : public testing::TestWithParam<std::vector<const char*>> {};
INSTANTIATE_TEST_SUITE_P(
    Lines, BadCommandLine,
    testing::Values(std::vector{"--web.listen-adress=:1"}, std::vector{"--collector.bogus"},
                    std::vector{"bogus"}, std::vector{"--web.max-requests=-1"},
                    std::vector{"--web.max-requests=many"}, std::vector{"--log.level=loud"},
                    std::vector{"--log.format=xml"}, std::vector{"--web.telemetry-path=metrics"},
                    std::vector{"--config.file"}, std::vector{"explain"}, std::vector{"check-config"},
                    std::vector{"status", "--agent", "x"}, std::vector{"status", "traits"}));

TEST_P(BadCommandLine, IsOneLineAndExitCodeTwo) {
  const EarlyExit exit = Exited(GetParam());
  EXPECT_EQ(exit.code, 2);
  EXPECT_EQ(exit.out, "");
  EXPECT_THAT(exit.err, AllOf(testing::StartsWith("agent_exporter: "), testing::EndsWith("\n")));
  EXPECT_EQ(std::count(exit.err.begin(), exit.err.end(), '\n'), 1) << exit.err;
}

TEST(Version, IsPrinted) {
  const EarlyExit exit = Exited({"--version"});
  EXPECT_EQ(exit.code, 0);
  EXPECT_EQ(exit.out, base::VersionLine() + "\n");
  EXPECT_THAT(base::VersionLine(), testing::MatchesRegex("agent_exporter [0-9.]+ \\(revision .+, .+\\)"));
}

class Help : public testing::TestWithParam<std::vector<const char*>> {
 protected:
  std::string Text() {
    auto arguments = GetParam();
    arguments.push_back("--help");
    const EarlyExit exit = Exited(arguments);
    EXPECT_EQ(exit.code, 0);
    EXPECT_EQ(exit.err, "");
    return exit.out;
  }
};
INSTANTIATE_TEST_SUITE_P(Commands, Help,
                         testing::Values(std::vector<const char*>{}, std::vector{"serve"},
                                         std::vector{"status"}, std::vector{"traits"}, std::vector{"explain"},
                                         std::vector{"fds"}, std::vector{"check-config"},
                                         std::vector{"doctor"}, std::vector{"run"},
                                         std::vector{"diagnose-exit"}));

TEST_P(Help, FitsATerminalWithoutNoise) {
  const std::string text = Text();
  EXPECT_THAT(text, testing::StartsWith("Usage: agent_exporter"));
  EXPECT_THAT(text, AllOf(Not(HasSubstr("TEXT")), Not(HasSubstr("Env:")), Not(HasSubstr("[OPTIONS]"))));
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    EXPECT_LE(line.size(), 100u) << line;
    EXPECT_FALSE(!line.empty() && line.back() == ' ') << "\"" << line << "\"";
  }
}

TEST(HelpText, TheProgramsNamesAllThereIs) {
  const std::string text = Exited({"--help"}).out;
  for (const char* word : {"serve",
                           "status",
                           "traits",
                           "explain PID-OR-NAME",
                           "fds PID-OR-AGENT",
                           "check-config FILE",
                           "diagnose-exit",
                           "run ",
                           "--socket",
                           "--web.listen-address",
                           "(default :10058)",
                           "--web.telemetry-path",
                           "--web.max-requests",
                           "--web.disable-exporter-metrics",
                           "--config.file",
                           "--collector.disable-defaults",
                           "--path.procfs",
                           "--path.sysfs",
                           "--log.level",
                           "--log.format",
                           "--version",
                           "-h, --help",
                           "--no-collector.<name>",
                           "AGENT_EXPORTER_WEB_LISTEN_ADDRESS"}) {
    EXPECT_THAT(text, HasSubstr(word));
  }
  for (const collectors::CollectorRow& row : collectors::CollectorTable()) {
    EXPECT_THAT(text, testing::ContainsRegex("\n  " + std::string(row.name) + " +" +
                                             std::string(row.help.substr(0, row.help.find_first_of("(*")))));
  }
  EXPECT_THAT(text, testing::ContainsRegex("\n  io .*\\(off by default\\)\n"));
}

TEST(HelpText, ACommandsOwn) {
  EXPECT_THAT(Exited({"status", "--help"}).out,
              AllOf(testing::StartsWith("Usage: agent_exporter status [FLAGS]\n"), HasSubstr("--json"),
                    HasSubstr("agent_exporter --help"), Not(HasSubstr("--web."))));
  EXPECT_THAT(Exited({"explain", "--help"}).out,
              testing::StartsWith("Usage: agent_exporter explain PID-OR-NAME [FLAGS]\n"));
  EXPECT_THAT(Exited({"run", "--help"}).out,
              testing::StartsWith("Usage: agent_exporter run [FLAGS] -- CMD ARG...\n"));
  EXPECT_THAT(Exited({"event", "--help"}).out,
              AllOf(testing::StartsWith("Usage: agent_exporter event COMMAND [FLAGS]\n"),
                    HasSubstr("\nCommands:\n  rate-limit  ")));
  EXPECT_THAT(Exited({"event", "rate-limit", "--help"}).out,
              AllOf(testing::StartsWith("Usage: agent_exporter event rate-limit [FLAGS]\n"),
                    HasSubstr("see agent_exporter --help")));
}

}  // namespace
}  // namespace agent_exporter::exporter
