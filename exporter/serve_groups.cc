#include "exporter/serve_groups.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/build_info.h"
#include "base/start_pages.h"
#include "base/systemd.h"
#include "compat/group_families.h"
#include "compat/group_rules.h"
#include "exporter/leave.h"
#include "exporter/privileges.h"
#include "exporter/request_limit.h"
#include "exporter/signals.h"
#include "exporter/web_config.h"
#include "formats/formats.h"
#include "http/bearer_token.h"
#include "http/gzip_response.h"
#include "http/http_server.h"
#include "http/web_access.h"
#include "kernel/bpf_makers.h"
#include "kernel/host.h"
#include "kernel/procfs_source.h"
#include "kernel/rooted_reader.h"
#include "kernel/unreadable.h"

namespace agent_exporter::exporter {
namespace {

constexpr size_t kHeldDescriptors = 256;

absl::StatusOr<std::unique_ptr<kernel::ProcessSource>> MakeSource(const Options& options,
                                                                  const kernel::RootedReader& proc,
                                                                  kernel::Unreadable& unreadable,
                                                                  long ticks) {
  auto procfs = std::make_unique<kernel::ProcfsSource>(proc, unreadable, ticks, kHeldDescriptors);
  const auto self = proc.ReadLink("self");
  const bool own = self.ok() && *self == std::to_string(getpid());
  if (options.process_source == "procfs" || (options.process_source == "auto" && !own)) return procfs;
  auto bpf = kernel::MakeBpfSource(std::move(procfs), ticks);
  if (bpf.ok() || options.process_source == "bpf") return bpf;
  spdlog::info("cannot use BPF, so processes are read from /proc: {}", std::string(bpf.status().message()));
  return std::make_unique<kernel::ProcfsSource>(proc, unreadable, ticks, kHeldDescriptors);
}

absl::StatusOr<compat::GroupRules> LoadRules(const CompatOptions& compat) {
  return compat.process_exporter.empty() ? compat::GroupRules::FromNames(compat.names)
                                         : compat::GroupRules::Load(compat.process_exporter);
}

// What runs now is the start of the totals.
absl::StatusOr<std::unique_ptr<compat::GroupCollectable>> MakeGroups(const Options& options,
                                                                     const kernel::RootedReader& proc,
                                                                     kernel::Unreadable& unreadable) {
  auto rules = LoadRules(options.compat);
  if (!rules.ok()) return rules.status();
  const auto boot = kernel::ReadBootTime(proc);
  if (!boot.ok()) return boot.status();
  const long ticks = sysconf(_SC_CLK_TCK) > 0 ? sysconf(_SC_CLK_TCK) : 100;
  auto source = MakeSource(options, proc, unreadable, ticks);
  if (!source.ok()) return source.status();
  const compat::GroupOptions group_options{.children = options.compat.children,
                                           .recheck = options.compat.recheck,
                                           .proportional_memory = options.compat.smaps,
                                           .clock_ticks = ticks,
                                           .boot_time_seconds = *boot};
  auto groups = std::make_unique<compat::GroupCollectable>(
      group_options,
      std::make_unique<compat::ProcessGroups>(group_options, proc, *std::move(source), *std::move(rules)));
  groups->Collect();
  return groups;
}

// On an error the old rules stay.
absl::Status Reload(const Options& options, compat::GroupCollectable& groups) {
  auto rules = LoadRules(options.compat);
  if (!rules.ok()) {
    spdlog::error("configuration not reloaded, keeping the old one: {}",
                  std::string(rules.status().message()));
    return rules.status();
  }
  groups.SetRules(*std::move(rules));
  spdlog::info("configuration reloaded");
  return absl::OkStatus();
}

http::HttpResponse Show(const compat::GroupCollectable& groups, const http::HttpRequest& request) {
  const formats::Format format = formats::NegotiateFormat(request.header("Accept"));
  http::HttpResponse response{.content_type = std::string(formats::ContentType(format))};
  formats::Serialize(format, groups.Collect(), &response.body);
  response.headers["Vary"] = "Accept";
  http::GzipIfAccepted(request, &response);
  return response;
}

int CannotServe(const absl::Status& status) {
  spdlog::error("{}", std::string(status.message()));
  return absl::IsInvalidArgument(status) ? 2 : 1;
}

}  // namespace

int ServeGroups(const Options& options, const std::vector<int>& sockets) {
  const base::Systemd systemd;
  auto web_config = LoadWebConfig(options.web_config_file);
  if (!web_config.ok()) return CannotServe(web_config.status());
  const http::BearerToken no_token;
  http::WebAccess access(std::move(web_config->users), no_token);
  RequestLimit limit(web_config->rate_limit);
  const auto tls = MakeTls(*web_config);
  if (!tls.ok()) return CannotServe(tls.status());
  const sigset_t signals = BlockSignals();
  const kernel::RootedReader proc(options.procfs);
  kernel::Unreadable unreadable;
  auto groups = MakeGroups(options, proc, unreadable);
  if (!groups.ok()) return CannotServe(groups.status());
  const absl::Status dropped = DropPrivileges(PrivilegesToKeep(proc, options.listen));
  if (!dropped.ok()) spdlog::info("cannot drop unneeded privileges: {}", std::string(dropped.message()));
  http::HttpServer server({.listen = options.listen,
                           .sockets = sockets,
                           .tls = *tls,
                           .headers = web_config->headers,
                           .guard =
                               [&access, &limit](const http::HttpRequest& request) {
                                 const auto refused = limit.Refuse();
                                 return refused ? refused : access.Refuse(request);
                               },
                           .log = [](std::string_view line) { spdlog::warn("{}", line); }});
  server.AddRoute("/", [&options](const http::HttpRequest&) {
    return http::HttpResponse{
        .content_type = "text/html; charset=utf-8",
        .body = absl::StrCat("<!doctype html><html lang=\"en\"><title>Named processes</title><a href=\"",
                             options.telemetry_path, "\">Metrics</a><p>", base::VersionLine(), "</html>\n")};
  });
  server.AddRoute(options.telemetry_path,
                  [&groups](const http::HttpRequest& request) { return Show(**groups, request); });
  for (const char* path : {"/-/healthy", "/-/ready"}) {
    server.AddRoute(path, [](const http::HttpRequest&) {
      return http::HttpResponse{.body = "agent_exporter is ready.\n"};
    });
  }
  if (absl::Status status = server.Start(); !status.ok()) return CannotServe(status);
  base::GiveBackStartPages();
  spdlog::info("{}", base::VersionLine());
  const std::string ports = absl::StrJoin(server.ports(), ", ");
  for (size_t i = 0; i < server.ports().size(); ++i) {
    std::string host;  // of a socket from systemd: unknown
    if (sockets.empty()) host = options.listen[i].substr(0, options.listen[i].rfind(':'));
    spdlog::info("listening on {}://{}:{}{}", *tls != nullptr ? "https" : "http",
                 host.empty() ? "localhost" : host, server.ports()[i], options.telemetry_path);
  }
  systemd.Ready(absl::StrCat("listening on port ", ports));
  WaitForEnd(signals, [&] {
    systemd.Reloading();
    const absl::Status status = Reload(options, **groups);
    systemd.Ready(status.ok() ? "configuration reloaded"
                              : absl::StrCat("configuration not reloaded: ", std::string(status.message())));
  });
  systemd.Stopping();
  LeaveWithin(std::chrono::milliseconds(900));
  server.Stop();
  return 0;
}

}  // namespace agent_exporter::exporter
