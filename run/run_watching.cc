#include "run/run_watching.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "base/start_pages.h"
#include "base/yaml.h"
#include "http/http_server.h"
#include "kernel/procfs_source.h"
#include "run/exit_log.h"
#include "run/slot_client.h"
#include "run/slot_service.h"
#include "serve/metrics_handler.h"
#include "serve/registry.h"
#include "serve/sampler.h"

namespace agent_exporter::run {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kShareWithin{500};
constexpr milliseconds kPatience{5000};
constexpr milliseconds kBaselineOnly = std::chrono::hours(24 * 3650);

class Unwatched final : public RunWatching {
 public:
  SlotReport End(const Attended&) override { return {}; }
};

class HandedOver final : public RunWatching {
 public:
  explicit HandedOver(std::unique_ptr<SlotClient> client) : client_(std::move(client)) {}
  SlotReport End(const Attended& attended) override {
    auto report = client_->End({attended.status, attended.self_killed, attended.max_resident_bytes});
    if (report.ok()) return *std::move(report);
    spdlog::warn("no figures for the task: {}", std::string(report.status().message()));
    return {};
  }

 private:
  std::unique_ptr<SlotClient> client_;
};

class Own final : public RunWatching {
 public:
  static absl::StatusOr<std::unique_ptr<Own>> Start(const RunWatchingOptions& options,
                                                    const SlotRequest& task) {
    auto rules = agents::RuleSet::Make({});  // everything below the task is the task's
    if (!rules.ok()) return rules.status();
    auto watch = serve::Watch::Make({.procfs = options.procfs,
                                     .sysfs = options.sysfs,
                                     .source = options.process_source,
                                     .events = options.process_events,
                                     .fields = options.fields,
                                     .self_pid = getpid()},
                                    *std::move(rules));
    if (!watch.ok()) return watch.status();
    (*watch)->observer().Register({.key = task.key,
                                   .match = {.agent = task.name,
                                             .kind = task.kind,
                                             .slot = task.slot,
                                             .rule = SIZE_MAX,
                                             .reason = std::make_shared<const agents::MatchReason>(
                                                 agents::MatchReason{.origin = "agent_exporter run",
                                                                     .rule = task.name,
                                                                     .what = "started by this process"})},
                                   .reaper = KeyOf(options.procfs, getpid()),
                                   .helper = task.helper});
    const milliseconds interval = Interval(options.interval, (*watch)->has_events());
    std::unique_ptr<Own> own(new Own(task, *std::move(watch), interval));
    own->sampler_.AddListener([self = own.get()](const std::shared_ptr<const agents::Observation>& tick) {
      self->recorder_.Add(*tick);
    });
    if (absl::Status status = own->sampler_.Start(); !status.ok()) return status;
    if (!options.listen.empty()) own->Serve(options);
    base::GiveBackStartPages();
    spdlog::info(
        "the sampler is on: {}, {}",
        interval == kBaselineOnly ? "the baseline only" : fmt::format("every {} ms", interval.count()),
        own->sampler_.Latest()->process_source);
    return own;
  }

  SlotReport End(const Attended& attended) override {
    const agents::ReportedExit exit{task_.key, attended.status, attended.self_killed,
                                    attended.max_resident_bytes};
    sampler_.BeforeNextLook([exit](agents::Observer& observer) { observer.RecordExit(exit); });
    const auto observation = sampler_.Fresh(milliseconds(0), kPatience);
    SlotReport report;
    if (observation == nullptr) return report;
    for (const agents::AgentSample& agent : observation->agents) {
      for (const agents::RootExit& end : agent.ended) {
        if (end.key != task_.key) continue;
        report.oom = end.oom;
        report.record = RecordOf(agent, end.key, recorder_, observation->monotonic_seconds);
      }
    }
    return report;
  }

 private:
  Own(SlotRequest task, std::unique_ptr<serve::Watch> watch, milliseconds interval)
      : task_(std::move(task)), sampler_(std::move(watch), interval) {}

  static milliseconds Interval(std::optional<milliseconds> interval, bool events) {
    if (!interval) return milliseconds(events ? 1000 : 5000);
    return interval->count() <= 0 ? kBaselineOnly : *interval;
  }

  void Serve(const RunWatchingOptions& options) {
    registry_ = std::make_unique<serve::Registry>([this] { return sampler_.Fresh(kShareWithin, kPatience); },
                                                  milliseconds(2000));
    for (const collectors::CollectorRow& row : collectors::CollectorTable()) {
      if (options.collectors.count(std::string(row.name)) != 0) registry_->Register(row);
    }
    serve::MetricsHandler::Options metrics = options.metrics;
    metrics.look_age = [this] { return sampler_.AgeSeconds(); };
    metrics_ = std::make_unique<serve::MetricsHandler>(std::move(metrics), *registry_);
    server_ = std::make_unique<http::HttpServer>(http::HttpOptions{
        .listen = options.listen, .log = [](std::string_view line) { spdlog::warn("{}", line); }});
    server_->AddRoute(options.telemetry_path,
                      [this](const http::HttpRequest& request) { return metrics_->Handle(request); });
    server_->AddRoute("/-/healthy", [](const http::HttpRequest&) {
      return http::HttpResponse{.body = "agent_exporter is healthy.\n"};
    });
    if (absl::Status status = server_->Start(); !status.ok()) {
      spdlog::error("the task runs on without /metrics: {}", std::string(status.message()));
      return;
    }
    for (const int port : server_->ports()) {
      spdlog::info("listening on http://localhost:{}{}", port, options.telemetry_path);
    }
  }

  const SlotRequest task_;
  FlightRecorder recorder_;
  serve::Sampler sampler_;  // its thread feeds the recorder
  std::unique_ptr<serve::Registry> registry_;
  std::unique_ptr<serve::MetricsHandler> metrics_;
  std::unique_ptr<http::HttpServer> server_;  // its threads use all of the above
};

std::unique_ptr<RunWatching> HandOver(const RunWatchingOptions& options, const SlotRequest& task) {
  for (const std::string& path : SlotSocketPaths(options.socket, false)) {
    auto client = SlotClient::HandOver(path, task);
    if (client.ok()) {
      spdlog::info("the sampler is on: the serve at {} watches the task", path);
      return std::make_unique<HandedOver>(*std::move(client));
    }
    if (!absl::IsNotFound(client.status()) || options.socket != "auto") {
      spdlog::warn("could not hand the slot over to serve, watching the task from here: {}",
                   std::string(client.status().message()));
    }
  }
  return nullptr;
}

}  // namespace

kernel::ProcessKey KeyOf(const std::string& procfs, pid_t pid) {
  const kernel::RootedReader proc(procfs);
  kernel::Unreadable unreadable;
  kernel::ProcfsSource source(proc, unreadable, sysconf(_SC_CLK_TCK), 0);
  std::vector<kernel::ProcessStat> rows;
  if (!source.ReadSome({{pid, 0}}, &rows).ok() || rows.empty()) return {pid, 0};
  return rows.front().key;
}

std::unique_ptr<RunWatching> StartWatching(const RunWatchingOptions& options, const SlotRequest& task) {
  if (!options.sampler) {
    spdlog::info("the sampler is off, by the operator (--no-sampler)");
    return std::make_unique<Unwatched>();
  }
  if (task.key.start_ticks == 0) {
    spdlog::warn("the sampler is off, by the platform: {} does not show the task", options.procfs);
    return std::make_unique<Unwatched>();
  }
  if (options.listen.empty()) {
    if (auto handed_over = HandOver(options, task)) return handed_over;
  }
  auto own = Own::Start(options, task);
  if (own.ok()) return *std::move(own);
  spdlog::warn("the sampler is off, by the platform: {}", std::string(own.status().message()));
  return std::make_unique<Unwatched>();
}

}  // namespace agent_exporter::run
