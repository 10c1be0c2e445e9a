#include "exporter/run_watching.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "exporter/commands.h"
#include "exporter/config.h"
#include "exporter/exit_log.h"
#include "exporter/http_server.h"
#include "exporter/metrics_handler.h"
#include "exporter/sampler.h"
#include "exporter/scrape.h"
#include "exporter/slot_service.h"
#include "exporter/start_pages.h"
#include "kernel/procfs_source.h"
#include "run/slot_client.h"

namespace agent_exporter {
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
    spdlog::warn("no figures of the task: {}", std::string(report.status().message()));
    return {};
  }

 private:
  std::unique_ptr<SlotClient> client_;
};

class Own final : public RunWatching {
 public:
  static absl::StatusOr<std::unique_ptr<Own>> Start(const Options& options, const SlotRequest& task) {
    auto rules = RuleSet::Make({});  // everything below the task is the task's
    if (!rules.ok()) return rules.status();
    const std::set<std::string> enabled = EnabledCollectors(options);
    auto watch = Watch::Make({.procfs = options.procfs,
                              .sysfs = options.sysfs,
                              .source = options.process_source,
                              .events = options.process_events,
                              .fields = FieldsFor(enabled),
                              .self_pid = getpid()},
                             Config{.rules = *std::move(rules)});
    if (!watch.ok()) return watch.status();
    (*watch)->observer().Register({.key = task.key,
                                   .match = {.agent = task.name,
                                             .kind = task.kind,
                                             .slot = task.slot,
                                             .rule = SIZE_MAX,
                                             .reason = std::make_shared<const MatchReason>(
                                                 MatchReason{.origin = "agent_exporter run",
                                                             .rule = task.name,
                                                             .what = "started by this process"})},
                                   .reaper = KeyOf(options.procfs, getpid()),
                                   .helper = task.helper});
    const milliseconds interval = Interval(options.run.interval, (*watch)->has_events());
    std::unique_ptr<Own> own(new Own(task, *std::move(watch), interval));
    own->sampler_.AddListener(
        [self = own.get()](const std::shared_ptr<const Observation>& tick) { self->recorder_.Add(*tick); });
    if (absl::Status status = own->sampler_.Start(); !status.ok()) return status;
    if (!options.run.listen.empty()) own->Serve(options, enabled);
    GiveBackStartPages();
    spdlog::info(
        "the sampler is on: {}, {}",
        interval == kBaselineOnly ? "the baseline only" : fmt::format("every {} ms", interval.count()),
        own->sampler_.Latest()->process_source);
    return own;
  }

  SlotReport End(const Attended& attended) override {
    const NotedExit exit{task_.key, attended.status, attended.self_killed, attended.max_resident_bytes};
    sampler_.BeforeNextLook([exit](Observer& observer) { observer.NoteExit(exit); });
    const auto observation = sampler_.Fresh(milliseconds(0), kPatience);
    SlotReport report;
    for (const AgentSample& agent : observation->agents) {
      for (const RootExit& end : agent.ended) {
        if (end.key != task_.key) continue;
        report.oom = end.oom;
        report.record = RecordOf(agent, end.key, recorder_, observation->monotonic_seconds);
      }
    }
    return report;
  }

 private:
  Own(SlotRequest task, std::unique_ptr<Watch> watch, milliseconds interval)
      : task_(std::move(task)), sampler_(std::move(watch), interval) {}

  static milliseconds Interval(const std::string& text, bool events) {
    if (text.empty()) return milliseconds(events ? 1000 : 5000);
    const auto interval = text == "0" ? milliseconds(0) : ParseDuration(text).value_or(milliseconds(0));
    return interval.count() <= 0 ? kBaselineOnly : interval;
  }

  void Serve(const Options& options, const std::set<std::string>& enabled) {
    scraper_ = std::make_unique<Scraper>([this] { return sampler_.Fresh(kShareWithin, kPatience); },
                                         milliseconds(2000));
    for (const CollectorRow& row : CollectorTable()) {
      if (enabled.count(std::string(row.name)) != 0) scraper_->Add(row);
    }
    metrics_ = std::make_unique<MetricsHandler>(
        MetricsHandler::Options{.max_requests = options.max_requests,
                                .exporter_metrics = !options.disable_exporter_metrics},
        *scraper_);
    server_ = std::make_unique<HttpServer>(HttpOptions{.listen = options.run.listen});
    server_->AddRoute(options.telemetry_path,
                      [this](const HttpRequest& request) { return metrics_->Handle(request); });
    server_->AddRoute("/-/healthy", [](const HttpRequest&) {
      return HttpResponse{.body = "agent_exporter is healthy.\n"};
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
  Sampler sampler_;  // its thread tells the recorder
  std::unique_ptr<Scraper> scraper_;
  std::unique_ptr<MetricsHandler> metrics_;
  std::unique_ptr<HttpServer> server_;  // its threads use all of the above
};

std::unique_ptr<RunWatching> HandOver(const Options& options, const SlotRequest& task) {
  for (const std::string& path : SlotSocketPaths(options, false)) {
    auto client = SlotClient::HandOver(path, task);
    if (client.ok()) {
      spdlog::info("the sampler is on: the serve at {} watches", path);
      return std::make_unique<HandedOver>(*std::move(client));
    }
    if (!absl::IsNotFound(client.status()) || options.socket != "auto") {
      spdlog::warn("the slot is not handed over, this process watches itself: {}",
                   std::string(client.status().message()));
    }
  }
  return nullptr;
}

}  // namespace

ProcessKey KeyOf(const std::string& procfs, pid_t pid) {
  const RootedReader proc(procfs);
  Unreadable unreadable;
  ProcfsSource source(proc, unreadable, sysconf(_SC_CLK_TCK), 0);
  std::vector<ProcessStat> rows;
  if (!source.ReadSome({{pid, 0}}, &rows).ok() || rows.empty()) return {pid, 0};
  return rows.front().key;
}

std::unique_ptr<RunWatching> StartWatching(const Options& options, const SlotRequest& task) {
  if (!options.run.sampler) {
    spdlog::info("the sampler is off, by the operator (--no-sampler)");
    return std::make_unique<Unwatched>();
  }
  if (task.key.start_ticks == 0) {
    spdlog::warn("the sampler is off, by the platform: {} does not show the task", options.procfs);
    return std::make_unique<Unwatched>();
  }
  if (options.run.listen.empty()) {
    if (auto handed_over = HandOver(options, task)) return handed_over;
  }
  auto own = Own::Start(options, task);
  if (own.ok()) return *std::move(own);
  spdlog::warn("the sampler is off, by the platform: {}", std::string(own.status().message()));
  return std::make_unique<Unwatched>();
}

}  // namespace agent_exporter
