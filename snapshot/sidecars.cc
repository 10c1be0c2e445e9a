#include "snapshot/sidecars.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <string_view>

#include "base/descriptor.h"
#include "kernel/process_threads.h"

namespace agent_exporter::snapshot {
namespace {

constexpr size_t kCommBytes = 15;

// The number that the file starts with. Some programs write more lines after it.
std::optional<pid_t> ReadPidfile(const std::string& path) {
  const base::Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info{};
  char buffer[64];
  if (!fd.ok() || ::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  const ssize_t got = ::read(fd.get(), buffer, sizeof buffer);
  if (got <= 0) return std::nullopt;
  std::string_view text(buffer, static_cast<size_t>(got));
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  pid_t pid = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), pid);
  const bool ends = result.ptr == text.data() + text.size() || *result.ptr == '\n' || *result.ptr == ' ' ||
                    *result.ptr == '\r' || *result.ptr == '\t';
  if (result.ec != std::errc() || !ends || pid <= 0) return std::nullopt;
  return pid;
}

std::optional<pid_t> OldestRoot(const std::vector<agents::ProcessSample>& processes) {
  const agents::ProcessSample* oldest = nullptr;
  for (const agents::ProcessSample& process : processes) {
    if (process.role != agents::Role::kRoot || process.state == 'Z') continue;
    if (oldest == nullptr || process.key.start_ticks < oldest->key.start_ticks) oldest = &process;
  }
  return oldest == nullptr ? std::nullopt : std::optional(oldest->key.pid);
}

std::optional<pid_t> NewestCalled(const std::string& comm,
                                  const std::vector<agents::ProcessSample>& processes) {
  const agents::ProcessSample* newest = nullptr;
  for (const agents::ProcessSample& process : processes) {
    if (process.state == 'Z' || process.comm != comm.substr(0, kCommBytes)) continue;
    if (newest == nullptr || process.key.start_ticks >= newest->key.start_ticks) newest = &process;
  }
  return newest == nullptr ? std::nullopt : std::optional(newest->key.pid);
}

std::optional<pid_t> FindProcess(const SidecarOptions& options, const agents::Observation& observation,
                                 const std::vector<agents::ProcessSample>& processes) {
  if (options.pid) return options.pid;
  if (!options.pidfile.empty()) return ReadPidfile(options.pidfile);
  if (!options.comm.empty()) return NewestCalled(options.comm, processes);
  if (options.agent.empty()) return OldestRoot(processes);  // a thread of the agent itself
  std::vector<agents::ProcessSample> roots;
  for (const agents::AgentSample& agent : observation.agents) {
    if (agent.name == options.agent)
      roots.insert(roots.end(), agent.processes.begin(), agent.processes.end());
  }
  return OldestRoot(roots);
}

}  // namespace

bool IsAlive(pid_t pid) { return pid > 0 && (::kill(pid, 0) == 0 || errno == EPERM); }

std::vector<Sidecar> LookAtSidecars(const std::vector<SidecarOptions>& options,
                                    const agents::Observation& observation,
                                    const std::vector<agents::ProcessSample>& processes,
                                    const kernel::RootedReader& proc) {
  std::vector<Sidecar> sidecars;
  for (const SidecarOptions& option : options) {
    Sidecar& sidecar = sidecars.emplace_back();
    sidecar.name = option.name;
    sidecar.is_thread = !option.thread.empty();
    sidecar.pid = FindProcess(option, observation, processes);
    if (sidecar.pid && sidecar.is_thread) {
      sidecar.pid = kernel::FindThread(proc, *sidecar.pid, option.thread).value_or(std::nullopt);
    }
    sidecar.alive = sidecar.pid && IsAlive(*sidecar.pid);
  }
  return sidecars;
}

}  // namespace agent_exporter::snapshot
