// `agent_exporter serve`: puts sampler, registry and HTTP together and waits for signals.

#include <malloc.h>
#include <signal.h>
#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/build_info.h"
#include "base/descriptor.h"
#include "base/host_name.h"
#include "base/start_pages.h"
#include "base/systemd.h"
#include "exporter/commands.h"
#include "exporter/leave.h"
#include "exporter/logging.h"
#include "exporter/privileges.h"
#include "exporter/request_limit.h"
#include "exporter/running_service.h"
#include "exporter/serve_groups.h"
#include "exporter/services.h"
#include "exporter/signals.h"
#include "exporter/token_file.h"
#include "exporter/web_config.h"
#include "http/bearer_token.h"
#include "http/host_check.h"
#include "http/http_server.h"
#include "http/web_access.h"
#include "run/slot_service.h"
#include "serve/agents_json.h"
#include "serve/metrics_handler.h"
#include "serve/page.h"
#include "serve/registry.h"
#include "serve/sampler.h"

namespace agent_exporter::exporter {
namespace {

using std::chrono::milliseconds;

// Scrapes this close together share one observation.
constexpr milliseconds kShareWithin{500};
// Longer than any normal observation, shorter than Prometheus' default scrape timeout of 10 s.
constexpr milliseconds kObservationTimeout{5000};

// With events the cost of an observation depends on the watched processes, not on the host, so we can afford
// a shorter interval.
milliseconds SampleInterval(std::optional<milliseconds> configured, bool events) {
  return configured.value_or(milliseconds(events ? 1000 : 5000));
}

// Counts by process name must be at least as fresh as the snapshots that show them.
double CrossCheckSeconds(const std::optional<snapshot::SnapshotConfig>& snapshot) {
  constexpr double kUsual = 60;
  return snapshot ? std::min(kUsual, std::chrono::duration<double>(snapshot->options.interval).count())
                  : kUsual;
}

// Failure is no reason to stop: we log it and keep the privileges.
void DropUnneededPrivileges(const Options& options) {
  const absl::Status status =
      DropPrivileges(PrivilegesToKeep(kernel::RootedReader(options.procfs), options.listen));
  if (!status.ok()) spdlog::info("cannot drop unneeded privileges: {}", std::string(status.message()));
}

void LogRunningAgents(const agents::Observation& observation) {
  std::vector<std::string> found;
  for (const agents::AgentSample& agent : observation.agents) {
    if (agent.processes.empty() || agent.name == "agent_exporter") continue;
    found.push_back(absl::StrCat(agent.name, " (", agent.processes.size(),
                                 agent.processes.size() == 1 ? " process)" : " processes)"));
  }
  if (found.empty()) {
    spdlog::info(
        "no agents are running; well-known agents are found when they start, add a rule for your own "
        "(--config.file)");
  } else {
    spdlog::info("found {}: {}", found.size() == 1 ? "1 agent" : absl::StrCat(found.size(), " agents"),
                 absl::StrJoin(found, ", "));
  }
}

// Where the server listens: "http://localhost:10058".
std::vector<std::string> Urls(const Options& options, const http::HttpServer& server, bool tls, bool given) {
  std::vector<std::string> urls;
  for (size_t i = 0; i < server.ports().size(); ++i) {
    std::string host;  // of a socket that systemd gave: unknown
    if (!given && i < options.listen.size()) host = options.listen[i].substr(0, options.listen[i].rfind(':'));
    if (host.empty()) host = "localhost";
    urls.push_back(fmt::format("{}://{}:{}", tls ? "https" : "http", host, server.ports()[i]));
  }
  return urls;
}

// Scrapes and health checks may come by any name.
http::HostCheck MakeHostCheck(const Options& options) {
  std::vector<std::string> names = options.allowed_hosts;
  for (const std::string& address : options.listen) names.push_back(address.substr(0, address.rfind(':')));
  const std::string host = base::HostName();
  names.push_back(host);
  names.push_back(host.substr(0, host.find('.')));
  return http::HostCheck(names, {options.telemetry_path, "/-/healthy", "/-/ready"});
}

// Logs one line for each error of a bad file and keeps the old configuration.
absl::Status Reload(const Options& options, bool events, serve::Sampler& sampler,
                    serve::MetricsHandler& metrics, http::WebAccess& access, Services& services,
                    run::NameClaims& names) {
  auto config = LoadConfig(options.config_file);
  auto web_config = LoadWebConfig(options.web_config_file);
  const absl::Status status = config.ok() ? web_config.status() : config.status();
  metrics.SetReloadSuccessful(status.ok());
  if (!status.ok()) {
    for (const absl::string_view line : absl::StrSplit(status.message(), '\n')) {
      spdlog::error("configuration not reloaded, keeping the old one: {}", std::string(line));
    }
    return status;
  }
  access.SetUsers(std::move(web_config->users));
  sampler.SetInterval(SampleInterval(config->sample_interval, events));
  services.SetRules(config->rules);
  names.SetRules(config->rules.rules());
  sampler.SetRules(std::move(config->rules));
  spdlog::info(
      "configuration reloaded (rules, sample_interval and passwords; other settings need a restart)");
  return absl::OkStatus();
}

void AddRoutes(http::HttpServer& server, const Options& options, const http::BearerToken& token,
               serve::MetricsHandler& metrics, serve::Sampler& sampler, const Services& services) {
  // Added first, so that a telemetry path such as "/" replaces it.
  for (auto& [path, handler] : serve::PageRoutes(options.telemetry_path))
    server.AddRoute(path, std::move(handler));
  server.AddRoute("/agents", http::Guarded(token, serve::AgentsHandler(sampler, services.meta_source(),
                                                                       services.session_source())));
  server.AddRoute(options.telemetry_path,
                  [&](const http::HttpRequest& request) { return metrics.Handle(request); });
  server.AddRoute("/-/healthy", [](const http::HttpRequest&) {
    return http::HttpResponse{.body = "agent_exporter is healthy.\n"};
  });
  server.AddRoute("/-/ready", [&sampler](const http::HttpRequest&) {
    if (sampler.Latest() == nullptr) {
      return http::HttpResponse{.status = 503,
                                .body = fmt::format("The last look at processes began {:.0f} s ago.\n",
                                                    sampler.AgeSeconds().value_or(0))};
    }
    return http::HttpResponse{.body = "agent_exporter is ready.\n"};
  });
}

// A service's log takes one format; only the command line's mistakes, which say what that is, go by without
// it.
int Refused(const absl::Status& status) {
  spdlog::error("{}", std::string(status.message()));
  return absl::IsInvalidArgument(status) ? 2 : 1;
}

int Serve(const Options& options, const base::Clock& clock, const std::vector<int>& sockets) {
  const base::Systemd systemd;
  // One heap for all threads: they take turns, and each can reuse what another freed.
  mallopt(M_ARENA_MAX, 1);
  // Large buffers (a walk over thousands of processes) return to the kernel at once. By default the first
  // free of such a buffer raises the threshold above all of them. Smaller buffers, which every observation
  // needs again, stay in the heap: returning their pages would cost a fault each time.
  mallopt(M_MMAP_THRESHOLD, 512 << 10);
  mallopt(M_TRIM_THRESHOLD, 1 << 20);
  auto config = LoadConfig(options.config_file);
  if (!config.ok()) return Refused(config.status());
  const std::optional<milliseconds> configured_interval = config->sample_interval;
  const milliseconds collector_timeout = config->collector_timeout;
  const std::optional<snapshot::SnapshotConfig> snapshot = config->snapshot;
  const std::set<std::string> enabled = EnabledCollectors(options);

  std::string token_log_line;
  const absl::StatusOr<http::BearerToken> token = LoadOrMakeToken(options, &token_log_line);
  if (!token.ok()) return Refused(token.status());
  auto web_config = LoadWebConfig(options.web_config_file);
  if (!web_config.ok()) return Refused(web_config.status());
  http::WebAccess access(std::move(web_config->users), *token);
  const http::HostCheck hosts = MakeHostCheck(options);
  RequestLimit limit(web_config->rate_limit);
  const auto tls = MakeTls(*web_config);
  if (!tls.ok()) return Refused(tls.status());

  run::NameClaims names;
  names.SetRules(config->rules.rules());
  Services services(options, *config);  // outlives the sampler
  const sigset_t signals = BlockSignals();
  auto watch = MakeWatch({.procfs = options.procfs,
                          .sysfs = options.sysfs,
                          .source = options.process_source,
                          .events = options.process_events,
                          .fields = FieldsFor(enabled),
                          .clock = clock,
                          .self_pid = getpid(),
                          .count_names = snapshot ? snapshot->options.names : std::vector<std::string>(),
                          .cross_check_seconds = CrossCheckSeconds(snapshot)},
                         *std::move(config));
  if (!watch.ok()) return Refused(watch.status());
  DropUnneededPrivileges(options);  // before the first thread starts
  const bool events = (*watch)->has_events();
  serve::Watch& kept = **watch;
  serve::Sampler sampler(*std::move(watch), SampleInterval(configured_interval, events));
  services.Follow(sampler, kept);
  serve::Registry registry([&sampler] { return sampler.Fresh(kShareWithin, kObservationTimeout); },
                           collector_timeout);
  for (const collectors::CollectorRow& row : collectors::CollectorTable()) {
    if (enabled.count(std::string(row.name)) != 0) registry.Register(row);
  }
  services.AddMetrics(registry);
  serve::MetricsHandler metrics({.max_requests = options.max_requests,
                                 .exporter_metrics = !options.disable_exporter_metrics,
                                 .look_age = [&sampler] { return sampler.AgeSeconds(); }},
                                registry);
  http::HttpServer server({.listen = options.listen,
                           .sockets = sockets,
                           .tls = *tls,
                           .headers = web_config->headers,
                           .guard =
                               [&access, &hosts, &limit](const http::HttpRequest& request) {
                                 auto refused = hosts.Refuse(request);
                                 if (!refused) refused = limit.Refuse();
                                 return refused ? refused : access.Refuse(request);
                               },
                           .log = [](std::string_view line) { spdlog::warn("{}", line); }});
  AddRoutes(server, options, *token, metrics, sampler, services);
  services.AddRoutes(server, *token);
  if (absl::Status status = sampler.Start(); !status.ok()) return Refused(status);
  if (absl::Status status = server.Start(); !status.ok()) return Refused(status);
  const std::vector<std::string> urls = Urls(options, server, *tls != nullptr, !sockets.empty());
  auto slots = run::SlotService::Start(
      {options.procfs, options.socket, &names}, sampler, services.recorder(), services.latest_sessions(),
      ServiceAnswers(options, urls, sampler, services.meta_source(), services.session_source()));
  if (!slots.ok()) return Refused(slots.status());

  spdlog::info("{}", base::VersionLine());
  if (const auto first = sampler.Latest()) LogRunningAgents(*first);
  spdlog::info("{}", token_log_line);
  services.LogLedger();
  services.WatchPanes();
  base::GiveBackStartPages();
  for (const std::string& url : urls)
    spdlog::info("listening on {}{}", url, options.telemetry_path);  // last: tests wait for this
  systemd.Ready(absl::StrCat("listening on port ", absl::StrJoin(server.ports(), ", ")));
  WaitForEnd(signals, [&] {
    systemd.Reloading();
    const absl::Status status = Reload(options, events, sampler, metrics, access, services, names);
    systemd.Ready(status.ok() ? "configuration reloaded"
                              : absl::StrCat("configuration not reloaded: ", std::string(status.message())));
  });
  systemd.Stopping();
  LeaveWithin(milliseconds(900));  // an orderly end takes less, and files on disk are whole at any moment
  server.Stop();
  slots->reset();
  sampler.Stop();
  services.Stop();
  return 0;
}

}  // namespace

int RunServe(const Options& options, const base::Clock& clock) {
  const std::vector<base::Descriptor> sockets = base::TakeListenSockets();
  SetUpLogging(options.log_level, options.log_format);
  try {
    std::vector<int> numbers;
    for (const base::Descriptor& socket : sockets) numbers.push_back(socket.get());
    if (options.compat.enabled()) return ServeGroups(options, numbers);
    return Serve(options, clock, numbers);
  } catch (const std::exception& error) {  // a thread or memory that the system refused
    spdlog::error("cannot go on: {}", error.what());
    return 1;
  }
}

}  // namespace agent_exporter::exporter
