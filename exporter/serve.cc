// `agent_exporter serve`: puts sampler, scraper and HTTP together and waits for signals.

#include <malloc.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "collectors/family.h"
#include "exporter/agents_json.h"
#include "exporter/bearer_token.h"
#include "exporter/commands.h"
#include "exporter/exit_log.h"
#include "exporter/http_server.h"
#include "exporter/leak_state.h"
#include "exporter/ledger_service.h"
#include "exporter/logging.h"
#include "exporter/meta_collectable.h"
#include "exporter/metrics_handler.h"
#include "exporter/page.h"
#include "exporter/privileges.h"
#include "exporter/sampler.h"
#include "exporter/scrape.h"
#include "exporter/slot_service.h"
#include "exporter/snapshot_service.h"
#include "exporter/state_directory.h"
#include "exporter/web_access.h"
#include "exporter/web_config.h"

namespace agent_exporter {
namespace {

using std::chrono::milliseconds;

// Scrapes this close together share one observation.
constexpr milliseconds kShareWithin{500};
// Longer than any look that goes well, shorter than Prometheus' usual scrape timeout of 10 s.
constexpr milliseconds kPatience{5000};

// With events a look costs what is watched, not what the host runs, so it can be had more often.
milliseconds SampleInterval(std::optional<milliseconds> configured, bool events) {
  return configured.value_or(milliseconds(events ? 1000 : 5000));
}

// What is counted by name must be no older than a snapshot that shows it.
double CrossCheckSeconds(const std::optional<SnapshotConfig>& snapshot) {
  constexpr double kUsual = 60;
  return snapshot ? std::min(kUsual, std::chrono::duration<double>(snapshot->options.interval).count())
                  : kUsual;
}

bool IsLowPort(const std::string& address) {
  const int port = std::atoi(address.substr(address.rfind(':') + 1).c_str());
  return port > 0 && port < 1024;
}

// Gives up what only start-up needed. Serving with more than that is worse, not impossible: a warning, no
// end.
void GiveUpPrivileges(const Options& options) {
  const RootedReader proc(options.procfs);
  std::string release, unprivileged_bpf;
  const auto text = [&proc](const char* file, std::string* buffer) {
    const auto read = proc.Read(file, buffer);
    return read.ok() ? *read : std::string_view();
  };
  const KeptPrivileges kept{
      .bpf = BpfMustStay(text("sys/kernel/osrelease", &release),
                         text("sys/kernel/unprivileged_bpf_disabled", &unprivileged_bpf)),
      .bind_low_ports = std::any_of(options.listen.begin(), options.listen.end(), &IsLowPort)};
  if (const absl::Status status = DropPrivileges(kept); !status.ok()) {
    spdlog::info("privileges that are not needed stay: {}", std::string(status.message()));
  }
}

void LogWhatIsThere(const Observation& observation) {
  std::vector<std::string> found;
  for (const AgentSample& agent : observation.agents) {
    if (agent.processes.empty() || agent.name == "agent_exporter") continue;
    found.push_back(absl::StrCat(agent.name, " (", agent.processes.size(),
                                 agent.processes.size() == 1 ? " process)" : " processes)"));
  }
  if (found.empty()) {
    spdlog::info(
        "no agent runs now; well-known ones are found as they start, your own need a rule (--config.file)");
  } else {
    spdlog::info("found {}: {}", found.size() == 1 ? "1 agent" : absl::StrCat(found.size(), " agents"),
                 absl::StrJoin(found, ", "));
  }
}

void LogAddresses(const Options& options, const HttpServer& server, bool tls) {
  for (size_t i = 0; i < server.ports().size() && i < options.listen.size(); ++i) {
    const size_t colon = options.listen[i].rfind(':');
    std::string host = options.listen[i].substr(0, colon == std::string::npos ? 0 : colon);
    if (host.empty()) host = "localhost";
    spdlog::info("listening on {}://{}:{}{}", tls ? "https" : "http", host, server.ports()[i],
                 options.telemetry_path);
  }
}

// The token of the guarded routes, and in *told what the log should say of it. Without a place to keep one
// they let nobody in, and all else works; only a file that was asked for by name must be right.
absl::StatusOr<BearerToken> TokenFor(const Options& options, std::string* told) {
  if (!options.token_file.empty()) {
    *told = absl::StrCat("bearer token read from ", options.token_file);
    return BearerToken::Load(options.token_file);
  }
  const auto directory = StateDirectory(SystemStateEnvironment());
  absl::Status status = directory.ok() ? MakeStateDirectory(*directory) : directory.status();
  if (status.ok()) {
    const std::string path = *directory + "/token";
    auto token = BearerToken::LoadOrMake(path);
    *told = absl::StrCat("the bearer token for all routes but the metrics is in ", path);
    if (token.ok()) return token;
    status = token.status();
  }
  *told = absl::StrCat("no bearer token, so only the metrics can be read: ", status.message(),
                       "; name a file with --web.token-file");
  return BearerToken();
}

// Null, and a log line, where there is no place to keep it: evidence is then gathered anew after a restart.
std::unique_ptr<LeakState> MakeLeakState(Observer& observer) {
  const auto directory = StateDirectory(SystemStateEnvironment());
  const absl::Status status = directory.ok() ? MakeStateDirectory(*directory) : directory.status();
  if (!status.ok()) {
    spdlog::info("leak evidence is not kept over restarts: {}", std::string(status.message()));
    return nullptr;
  }
  auto state = std::make_unique<LeakState>(*directory, observer.leaks(), observer.boot_time_seconds());
  state->Load();
  return state;
}

// A bad file is refused in one log line and what runs goes on.
void Reload(const Options& options, bool events, Sampler& sampler, MetricsHandler& metrics,
            WebAccess& access) {
  auto config = LoadConfig(options.config_file);
  auto web_config = LoadWebConfig(options.web_config_file);
  const absl::Status status = config.ok() ? web_config.status() : config.status();
  metrics.SetReloadSuccessful(status.ok());
  if (!status.ok()) {
    spdlog::error("configuration not reloaded, the old one stays: {}", std::string(status.message()));
    return;
  }
  access.SetUsers(std::move(web_config->users));
  sampler.SetInterval(SampleInterval(config->sample_interval, events));
  sampler.SetRules(std::move(config->rules));
  spdlog::info(
      "configuration reloaded (rules, sample_interval and passwords; other settings at the next start)");
}

void AddRoutes(HttpServer& server, const Options& options, const BearerToken& token, MetricsHandler& metrics,
               Sampler& sampler) {
  // First, so that a telemetry path of "/" or the like takes its place.
  for (auto& [path, handler] : PageRoutes(options.telemetry_path)) server.AddRoute(path, std::move(handler));
  server.AddRoute("/agents", Guarded(token, AgentsHandler(sampler)));
  server.AddRoute(options.telemetry_path,
                  [&](const HttpRequest& request) { return metrics.Handle(request); });
  server.AddRoute("/-/healthy",
                  [](const HttpRequest&) { return HttpResponse{.body = "agent_exporter is healthy.\n"}; });
  server.AddRoute("/-/ready", [&sampler](const HttpRequest&) {
    if (sampler.Latest() == nullptr) return HttpResponse{.status = 503, .body = "No observation yet.\n"};
    return HttpResponse{.body = "agent_exporter is ready.\n"};
  });
}

// Null without TLS.
absl::StatusOr<std::shared_ptr<TlsContext>> MakeTls(const std::optional<TlsOptions>& options) {
  if (!options) return std::shared_ptr<TlsContext>();
  return TlsContext::Make(*options, [](const std::string& line) { spdlog::error("{}", line); });
}

// The signals this command answers to, blocked in every thread so that only WaitForEnd takes them.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);  // a client that hangs up is not our end
  return signals;
}

}  // namespace

int RunServe(const Options& options, std::ostream& err) {
  // Threads that take turns need no heap each: what one frees, the next can use.
  mallopt(M_ARENA_MAX, 1);
  SetUpLogging(options.log_level, options.log_format);
  auto config = LoadConfig(options.config_file);
  if (!config.ok()) return Fail(config.status(), err);
  const std::optional<milliseconds> configured_interval = config->sample_interval;
  const milliseconds collector_timeout = config->collector_timeout;
  std::vector<MetaOptions> meta_options = std::move(config->meta);
  const std::set<std::string> enabled = EnabledCollectors(options);
  const std::optional<SnapshotConfig> snapshot = config->snapshot;

  std::string token_told;
  const absl::StatusOr<BearerToken> token = TokenFor(options, &token_told);
  if (!token.ok()) return Fail(token.status(), err);
  auto web_config = LoadWebConfig(options.web_config_file);
  if (!web_config.ok()) return Fail(web_config.status(), err);
  WebAccess access(std::move(web_config->users), *token);
  const auto tls = MakeTls(web_config->tls);
  if (!tls.ok()) return Fail(tls.status(), err);

  const std::unique_ptr<LedgerService> ledger =
      LedgerService::Make(options, config->ledger, config->rules.rules());
  const sigset_t signals = BlockSignals();
  auto watch = Watch::Make({.procfs = options.procfs,
                            .sysfs = options.sysfs,
                            .source = options.process_source,
                            .events = options.process_events,
                            .fields = FieldsFor(enabled),
                            .self_pid = getpid(),
                            .count_names = snapshot ? snapshot->options.names : std::vector<std::string>(),
                            .cross_check_seconds = CrossCheckSeconds(snapshot)},
                           *std::move(config));
  if (!watch.ok()) return Fail(watch.status(), err);
  GiveUpPrivileges(options);  // before the first thread starts
  const bool events = (*watch)->has_events();
  const std::unique_ptr<LeakState> leak_state = MakeLeakState((*watch)->observer());  // outlives the sampler
  Sampler sampler(*std::move(watch), SampleInterval(configured_interval, events));
  const auto exits = std::make_shared<ExitLog>();
  sampler.AddListener([exits](const std::shared_ptr<const Observation>& tick) { exits->Take(*tick); });
  const auto meta = std::make_shared<MetaKeeper>(std::make_unique<MetaReader>(
      std::move(meta_options), options.procfs, [](const std::string& line) { spdlog::warn("{}", line); }));
  sampler.AddListener([meta](const auto& observation) { meta->Offer(observation); });
  SnapshotService snapshots(snapshot, options.snapshot.dir, options.procfs,
                            [meta](const AgentSample& agent) { return meta->Latest(agent); });
  snapshots.Follow(sampler);
  if (leak_state != nullptr) {
    sampler.AddListener(
        [&leak_state](const auto& observation) { leak_state->OnTick(observation->monotonic_seconds); });
  }
  Scraper scraper([&sampler] { return sampler.Fresh(kShareWithin, kPatience); }, collector_timeout);
  for (const CollectorRow& row : CollectorTable()) {
    if (enabled.count(std::string(row.name)) != 0) scraper.Add(row);
  }
  // What stands outside the table counts as on by default.
  if (!options.disable_default_collectors) {
    scraper.Add("agent_meta", std::make_shared<MetaCollectable>(meta));
    snapshots.AddMetrics(scraper);
    ledger->AddMetrics(scraper, !options.disable_exporter_metrics);
  }
  MetricsHandler metrics(
      {.max_requests = options.max_requests, .exporter_metrics = !options.disable_exporter_metrics}, scraper);
  HttpServer server({.listen = options.listen, .tls = *tls, .guard = [&access](const HttpRequest& request) {
                       return access.Refuse(request);
                     }});
  AddRoutes(server, options, *token, metrics, sampler);
  ledger->Follow(sampler);
  ledger->AddRoutes(server, *token);
  snapshots.AddRoute(server, *token);
  if (absl::Status status = sampler.Start(); !status.ok()) return Fail(status, err);
  if (absl::Status status = server.Start(); !status.ok()) return Fail(status, err);
  auto slots = SlotService::Start(options, sampler, exits->recorder());
  if (!slots.ok()) return Fail(slots.status(), err);

  spdlog::info("{}", VersionLine());
  LogWhatIsThere(*sampler.Latest());
  spdlog::info("{}", token_told);
  spdlog::info("{}", ledger->told());
  ledger->Start();
  LogAddresses(options, server, *tls != nullptr);  // the last line: who waits for it may count the others
  while (true) {
    int number = 0;
    if (sigwait(&signals, &number) != 0) continue;
    if (number != SIGHUP) {
      spdlog::info("{} received, ending", number == SIGTERM ? "SIGTERM" : "SIGINT");
      break;
    }
    Reload(options, events, sampler, metrics, access);
  }
  server.Stop();
  slots->reset();
  sampler.Stop();
  ledger->Stop();
  snapshots.Stop();
  if (leak_state != nullptr) leak_state->Finish();
  return 0;
}

}  // namespace agent_exporter
