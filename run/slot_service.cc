#include "run/slot_service.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <utility>

#include "kernel/process_files.h"
#include "kernel/procfs_source.h"
#include "run/exit_log.h"
#include "run/session_client.h"

namespace agent_exporter::run {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kRunPatience{3000};
constexpr size_t kMaxWatchedOfOneUser = 64, kMaxWatched = 512;
constexpr double kLogLinesASecond = 0.1, kLogLinesAtOnce = 20;
constexpr char kSocketName[] = "/run.sock";
constexpr char kSystemDirectory[] = "/run/agent_exporter";

const agents::AgentSample* FindAgent(const agents::Observation& observation, const SlotRequest& request) {
  for (const agents::AgentSample& agent : observation.agents) {
    if (agent.name == request.name && agent.kind == request.kind && agent.slot == request.slot) return &agent;
  }
  return nullptr;
}

}  // namespace

std::vector<std::string> SlotSocketPaths(const std::string& socket, bool serving) {
  if (socket == "none") return {};
  if (socket != "auto") return {socket};
  std::vector<std::string> paths;
  const auto add = [&paths](const char* directory, const char* below) {
    if (directory != nullptr && *directory == '/')
      paths.push_back(std::string(directory) + below + kSocketName);
  };
  if (serving) add(std::getenv("RUNTIME_DIRECTORY"), "");
  // Root prefers the directory that all users can reach.
  const bool root = geteuid() == 0;
  if (root) add(kSystemDirectory, "");
  add(std::getenv("XDG_RUNTIME_DIR"), "/agent_exporter");
  if (!root && !serving) add(kSystemDirectory, "");
  return paths;
}

SlotService::SlotService(const SlotServiceOptions& options, serve::Sampler& sampler,
                         const FlightRecorder& recorder, Sessions sessions, Answerer answerer,
                         std::string path)
    : procfs_(options.procfs),
      sampler_(sampler),
      recorder_(recorder),
      names_(options.names),
      log_lines_(kLogLinesASecond, kLogLinesAtOnce),
      server_(
          std::move(path),
          {.watch = [this](const SlotPeer& peer, const SlotRequest& request) { return Watch(peer, request); },
           .ended = [this](const SlotRequest& request, const SlotEnd& end) { return End(request, end); },
           .lost =
               [this](const SlotPeer& peer, const SlotRequest& request) {
                 if (!MayLog(peer)) return;
                 spdlog::warn("the run of agent {} (pid {}) was killed; still watching the agent",
                              request.name, request.key.pid);
               },
           .sessions = [sessions = std::move(sessions)](
                           const SlotPeer& peer) { return SessionsReplyLine(*sessions(), peer.uid); },
           .answer = std::move(answerer),
           .log = [](const std::string& line) { spdlog::warn("{}", line); }},
          base::System::Real()) {}

absl::StatusOr<std::unique_ptr<SlotService>> SlotService::Start(const SlotServiceOptions& options,
                                                                serve::Sampler& sampler,
                                                                const FlightRecorder& recorder,
                                                                Sessions sessions, Answerer answerer) {
  const std::vector<std::string> paths = SlotSocketPaths(options.socket, true);
  if (paths.empty()) return nullptr;
  std::unique_ptr<SlotService> service(
      new SlotService(options, sampler, recorder, std::move(sessions), std::move(answerer), paths.front()));
  absl::Status status = service->server_.Start();
  if (status.ok()) {
    spdlog::info("accepting tasks from agent_exporter run on {}", paths.front());
    return service;
  }
  if (options.socket != "auto") return status;
  spdlog::info("not accepting tasks from agent_exporter run: {}", std::string(status.message()));
  return nullptr;
}

absl::Status SlotService::Watch(const SlotPeer& peer, const SlotRequest& request) {
  const kernel::RootedReader proc(procfs_);
  kernel::Unreadable unreadable;
  kernel::ProcfsSource source(proc, unreadable, sysconf(_SC_CLK_TCK), 0);
  std::vector<kernel::ProcessStat> rows;
  if (absl::Status status = source.ReadSome({{request.key.pid, 0}, {peer.pid, 0}}, &rows); !status.ok()) {
    return status;
  }
  const auto refuse = [&request](std::string_view why) {
    return absl::PermissionDeniedError(fmt::format("pid {} is not handed over: {}", request.key.pid, why));
  };
  if (rows.size() != 2 || rows[0].key != request.key) {
    return refuse("serve does not see it; do both run in the same pid namespace?");
  }
  if (rows[0].ppid != peer.pid) return refuse("it is not a child of the one who asks");
  kernel::ProcessFiles files(proc);
  const auto uid = files.Uid(request.key.pid);
  if (peer.uid != 0 && (!uid.ok() || *uid != peer.uid)) return refuse("it belongs to another user");

  if (names_ != nullptr) {
    if (absl::Status status = names_->Check(request.name, peer.uid); !status.ok()) return status;
  }
  if (absl::Status status = CountWatched(peer, request.key); !status.ok()) return status;

  agents::Registration registration{
      .key = request.key,
      .match = {.agent = request.name,
                .kind = request.kind,
                .slot = request.slot,
                .rule = SIZE_MAX,
                .reason = std::make_shared<const agents::MatchReason>(
                    agents::MatchReason{.origin = "agent_exporter run",
                                        .rule = request.name,
                                        .what = fmt::format("handed over by pid {}", peer.pid)})},
      .reaper = rows[1].key,
      .helper = request.helper};
  sampler_.BeforeNextLook([registration](agents::Observer& observer) { observer.Register(registration); });
  if (!MayLog(peer)) return absl::OkStatus();
  spdlog::info("watching agent {} (pid {}) for its run (pid {}, uid {})", request.name, request.key.pid,
               peer.pid, peer.uid);
  return absl::OkStatus();
}

absl::Status SlotService::CountWatched(const SlotPeer& peer, const kernel::ProcessKey& key) {
  if (IsTrustedUser(peer.uid) ||
      std::find(watched_.begin(), watched_.end(), std::pair(peer.uid, key)) != watched_.end())
    return absl::OkStatus();
  const auto full = [&] {
    return watched_.size() >= kMaxWatched ||
           std::count_if(watched_.begin(), watched_.end(), [&](const auto& one) {
             return one.first == peer.uid;
           }) >= static_cast<std::ptrdiff_t>(kMaxWatchedOfOneUser);
  };
  if (full()) {
    const kernel::RootedReader proc(procfs_);
    kernel::Unreadable unreadable;
    kernel::ProcfsSource source(proc, unreadable, sysconf(_SC_CLK_TCK), 0);
    std::erase_if(watched_, [&](const auto& one) {
      std::vector<kernel::ProcessStat> rows;
      return source.ReadSome({one.second}, &rows).ok() && (rows.empty() || rows[0].key != one.second);
    });
  }
  if (full()) return absl::ResourceExhaustedError("too many processes of this user are watched already");
  watched_.emplace_back(peer.uid, key);
  return absl::OkStatus();
}

// What others do must not fill the log.
bool SlotService::MayLog(const SlotPeer& peer) {
  return IsTrustedUser(peer.uid) || log_lines_.Take(std::chrono::steady_clock::now());
}

SlotReport SlotService::End(const SlotRequest& request, const SlotEnd& end) {
  const agents::ReportedExit exit{request.key, end.status, end.self_killed, end.max_resident_bytes};
  sampler_.BeforeNextLook([exit](agents::Observer& observer) { observer.RecordExit(exit); });
  const auto observation = sampler_.Fresh(milliseconds(0), kRunPatience);
  SlotReport report;
  if (observation == nullptr) return report;
  const agents::AgentSample* agent = FindAgent(*observation, request);
  if (agent == nullptr) return report;
  report.record = RecordOf(*agent, request.key, recorder_, observation->monotonic_seconds);
  for (const agents::RootExit& ended : agent->ended) {
    if (ended.key == request.key) report.oom = ended.oom;
  }
  return report;
}

}  // namespace agent_exporter::run
