#include "exporter/running_service.h"

#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "exporter/commands.h"
#include "exporter/token_file.h"
#include "run/slot_service.h"

namespace agent_exporter::exporter {
namespace {

using nlohmann::json;

std::string Absolute(const std::string& path) {
  std::error_code ignored;
  return path.empty() ? path : std::filesystem::absolute(path, ignored).lexically_normal().string();
}

absl::StatusOr<RunningService> ParseService(const std::string& socket, const std::string& answer) {
  try {
    const json facts = json::parse(answer);
    return RunningService{.socket = socket,
                          .pid = facts.at("pid").get<pid_t>(),
                          .config_file = facts.at("config_file"),
                          .web_config_file = facts.at("web_config_file"),
                          .token_file = facts.at("token_file"),
                          .procfs = facts.at("procfs"),
                          .sysfs = facts.at("sysfs"),
                          .urls = facts.at("urls"),
                          .telemetry_path = facts.at("telemetry_path")};
  } catch (const json::exception&) {
    return absl::NotFoundError(absl::StrCat("the service at ", socket, " is of another version"));
  }
}

// Whether the command line asks for what this service does.
bool LooksAtTheSame(const Options& options, const RunningService& service) {
  const Options defaults;
  return (options.config_file.empty() || Absolute(options.config_file) == service.config_file) &&
         (options.procfs == defaults.procfs || options.procfs == service.procfs) &&
         (options.sysfs == defaults.sysfs || options.sysfs == service.sysfs);
}

}  // namespace

std::string RunningService::Text() const {
  return absl::StrCat("the service with pid ", pid, " (",
                      config_file.empty() ? "without a configuration file" : config_file, ")");
}

absl::StatusOr<std::string> RunningService::Ask(const json& question) const {
  return run::AskServe(socket, question);
}

Options RunningService::Applied(Options options) const {
  const Options defaults;
  if (options.config_file.empty()) options.config_file = config_file;
  if (options.web_config_file.empty()) options.web_config_file = web_config_file;
  if (options.token_file.empty()) options.token_file = token_file;
  if (options.procfs == defaults.procfs) options.procfs = procfs;
  if (options.sysfs == defaults.sysfs) options.sysfs = sysfs;
  if (options.telemetry_path == defaults.telemetry_path) options.telemetry_path = telemetry_path;
  return options;
}

absl::StatusOr<RunningService> FindService(const Options& options) {
  if (options.socket == "none") return absl::NotFoundError("no service was asked (--socket=none)");
  absl::Status failed = absl::NotFoundError("no service runs here");
  for (const std::string& path : run::SlotSocketPaths(options.socket, false)) {
    const auto answer = run::AskServe(path, {{"ask", "service"}});
    auto service = answer.ok() ? ParseService(path, *answer) : answer.status();
    if (service.ok() && !LooksAtTheSame(options, *service)) {
      service = absl::NotFoundError(absl::StrCat("the service with pid ", service->pid,
                                                 " was not asked: it uses another configuration or procfs"));
    }
    if (service.ok()) return service;
    if (options.socket != "auto") {
      return absl::FailedPreconditionError(
          absl::StrCat(service.status().message(), " (--socket=", path, ")"));
    }
    if (answer.ok() || !absl::IsNotFound(answer.status())) failed = service.status();
  }
  return failed;
}

run::Answerer ServiceAnswers(const Options& options, std::vector<std::string> urls, serve::Sampler& sampler,
                             sessions::MetaSource meta, sessions::SessionSource sessions) {
  const json service = {{"pid", ::getpid()},
                        {"config_file", Absolute(options.config_file)},
                        {"web_config_file", Absolute(options.web_config_file)},
                        {"token_file", Absolute(TokenPath(options).value_or(""))},
                        {"procfs", options.procfs},
                        {"sysfs", options.sysfs},
                        {"urls", std::move(urls)},
                        {"telemetry_path", options.telemetry_path}};
  return [service, &sampler, meta = std::move(meta),
          sessions = std::move(sessions)](const json& question) -> absl::StatusOr<std::string> {
    const std::string what = question["ask"];
    if (what == "service") return service.dump();
    if (what != "status" && what != "traits") {
      return absl::UnimplementedError(
          absl::StrCat("the service cannot answer \"", what, "\"; is it of another version?"));
    }
    const auto observation = sampler.Fresh(std::chrono::milliseconds(1000), std::chrono::milliseconds(3000));
    if (observation == nullptr) return absl::UnavailableError("the service has no figures yet");
    try {
      if (what == "traits") {
        Options asked;
        asked.agent = question.value("agent", "");
        if (question.contains("kind")) asked.kind = question["kind"].get<std::string>();
        if (question.contains("slot")) asked.slot = question["slot"].get<std::string>();
        const auto traits = PickTraits(*observation, asked);
        return traits.ok() ? absl::StatusOr<std::string>(traits->dump()) : traits.status();
      }
      if (question.value("json", false)) {
        return StatusJson(*observation, meta, question.value("terse", false), sessions);
      }
      return question.value("wide", false) ? WideStatusTable(*observation)
                                           : StatusTable(*observation, sessions);
    } catch (const json::exception& error) {
      return absl::InvalidArgumentError(error.what());
    }
  };
}

}  // namespace agent_exporter::exporter
