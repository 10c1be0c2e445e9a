#include "ledger/ledger_service.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <cmath>
#include <utility>

#include "base/state_directory.h"
#include "base/tmux.h"
#include "ledger/ledger_metrics.h"
#include "ledger/ledger_routes.h"

namespace agent_exporter::ledger {
namespace {

absl::StatusOr<Panes> ListPanes() {
  auto list = base::ListTmux({.socket_root = base::TmuxSocketRoot()});
  if (!list.ok()) return list.status();
  Panes panes;
  for (base::TmuxPane& pane : list->panes) {
    if (pane.pid > 0) panes.try_emplace(pane.pid, std::move(pane.session));
  }
  return panes;
}

void LogLine(bool is_error, const std::string& line) {
  spdlog::log(is_error ? spdlog::level::err : spdlog::level::info, "{}", line);
}

std::vector<RateLimitLog> LogsOf(const std::vector<agents::Rule>& rules) {
  std::vector<RateLimitLog> logs;
  for (const agents::Rule& rule : rules) {
    if (!rule.rate_limit_log.empty()) {
      logs.push_back({rule.name, rule.rate_limit_log, rule.rate_limit_patterns});
    }
  }
  return logs;
}

int64_t NowMillis() { return std::llround(base::SystemClock().wall * 1000); }

}  // namespace

absl::StatusOr<std::string> LedgerPath(const std::string& flag, const LedgerConfig& config) {
  if (!flag.empty()) return flag;
  if (!config.path.empty()) return config.path;
  auto directory = base::OwnStateDirectory();
  if (!directory.ok()) return directory.status();
  return *directory + "/resource-ledger.db";
}

std::unique_ptr<LedgerService> LedgerService::Make(const std::string& path_flag, const LedgerConfig& config,
                                                   const std::vector<agents::Rule>& rules, HeapOf heap_of,
                                                   AgentErrors agent_errors) {
  auto service = std::make_unique<LedgerService>();
  if (!config.enabled) {
    service->log_line_ = "no ledger: disabled";
    return service;
  }
  const auto path = LedgerPath(path_flag, config);
  absl::Status status = path.status();
  if (path.ok()) {
    auto recorder = LedgerRecorder::Make(
        {.path = *path,
         .sample_interval = config.sample_interval,
         .idle_sample_interval = config.idle_sample_interval,
         .retention = std::chrono::hours(24) * config.retention_days,
         .rate_limit_retention = std::chrono::hours(24) * config.rate_limit_retention_days,
         .logs = LogsOf(rules),
         .list_panes = &ListPanes,
         .heap_used_bytes = std::move(heap_of),
         .agent_errors = std::move(agent_errors),
         .log = &LogLine});
    status = recorder.status();
    if (recorder.ok()) service->recorder_ = *std::move(recorder);
  }
  if (!status.ok()) {
    service->log_line_ = fmt::format("no ledger: {}", std::string(status.message()));
    return service;
  }
  service->reader_ = std::make_unique<LedgerReader>(*path);
  service->log_line_ = fmt::format("the ledger is in {}", *path);
  return service;
}

void LedgerService::Follow(serve::Sampler& sampler) {
  if (!on()) return;
  sampler.AddListener([recorder = recorder_](const std::shared_ptr<const agents::Observation>& observation) {
    recorder->Submit(observation);
  });
}

void LedgerService::AddMetrics(serve::Registry& registry, bool exporter_metrics) {
  if (!on()) return;
  registry.Register("ledger", std::make_shared<LedgerCollectable>(
                                  [recorder = recorder_] { return recorder->stats(); }, exporter_metrics));
}

void LedgerService::AddRoutes(http::HttpServer& server, const http::BearerToken& token) {
  LedgerView view{.reader = reader_.get(), .now_ms = &NowMillis};
  if (on()) {
    view.live = [recorder = recorder_] { return recorder->stats().live; };
  }
  AddLedgerRoutes(server, token, view);
}

void LedgerService::Stop() {
  if (on()) recorder_->Stop();
}

}  // namespace agent_exporter::ledger
