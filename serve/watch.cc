#include "serve/watch.h"

#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agents/descriptor_look.h"
#include "kernel/bpf_makers.h"
#include "kernel/netlink_events.h"
#include "kernel/procfs_source.h"

namespace agent_exporter::serve {
namespace {

// Descriptors that may be held open for watched processes: reading through one costs less than half of
// opening anew. Half of what this process may open, so that scrapes and the rest never run short.
size_t HeldDescriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 16384);
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
  }
  return std::min<size_t>(limit.rlim_cur / 2, 4096);
}

absl::Status Refused(std::string_view flag, const absl::Status& why) {
  return absl::Status(why.code(), std::string(flag) + " cannot be had here: " + std::string(why.message()) +
                                      "; agent_exporter doctor tells more");
}

}  // namespace

Watch::Watch(const WatchOptions& options)
    : proc_(options.procfs), cgroup_root_(absl::StrCat(options.sysfs, "/fs/cgroup")), files_(proc_) {}

// Whether this procfs shows the pids that this process lives among: not a test's tree, not another
// namespace's.
bool Watch::IsOurProc() const {
  const auto self = proc_.ReadLink("self");
  return self.ok() && *self == std::to_string(getpid());
}

absl::Status Watch::MakeSource(const WatchOptions& options, long clock_ticks) {
  const auto procfs = [&] {
    return std::make_unique<kernel::ProcfsSource>(proc_, unreadable_, clock_ticks, HeldDescriptors());
  };
  if (options.source == "bpf" || (options.source == "auto" && IsOurProc())) {
    auto bpf = kernel::MakeBpfSource(procfs(), clock_ticks);
    if (bpf.ok()) {
      source_ = *std::move(bpf);
      return absl::OkStatus();
    }
    if (options.source == "bpf") return Refused("--process.source=bpf", bpf.status());
    spdlog::info("cannot use BPF, so processes are read from /proc: {}", std::string(bpf.status().message()));
  }
  source_ = procfs();
  return absl::OkStatus();
}

absl::Status Watch::MakeEvents(const WatchOptions& options, long clock_ticks) {
  if (options.events == "none" || (options.events == "auto" && !IsOurProc())) return absl::OkStatus();
  std::string why_not;
  if (options.events == "auto" || options.events == "bpf") {
    auto bpf = kernel::MakeBpfEvents(clock_ticks);
    if (bpf.ok()) {
      events_ = *std::move(bpf);
      return absl::OkStatus();
    }
    if (options.events == "bpf") return Refused("--process.events=bpf", bpf.status());
    why_not = std::string(bpf.status().message());
  }
  auto netlink = kernel::MakeNetlinkEvents(proc_);
  if (netlink.ok()) {
    events_ = *std::move(netlink);
  } else if (options.events == "netlink") {
    return Refused("--process.events=netlink", netlink.status());
  } else {
    spdlog::info(
        "no fork and exit events, so a child that no look sees counts only through its parent's cutime ({}; "
        "{})",
        why_not, std::string(netlink.status().message()));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Watch>> Watch::Make(const WatchOptions& options, agents::RuleSet rules) {
  std::unique_ptr<Watch> watch(new Watch(options));
  if (!watch->proc_.ok()) {
    return absl::Status(watch->proc_.status().code(),
                        absl::StrCat("cannot read procfs: ", watch->proc_.status().message(),
                                     "; mount it or set --path.procfs"));
  }
  if (const auto boot = kernel::ReadBootTime(watch->proc_); !boot.ok()) {
    return absl::Status(boot.status().code(),
                        absl::StrCat(options.procfs, " is no readable procfs: ", boot.status().message(),
                                     "; mount it or set --path.procfs"));
  }
  const long clock_ticks = sysconf(_SC_CLK_TCK) > 0 ? sysconf(_SC_CLK_TCK) : 100;
  if (absl::Status status = watch->MakeSource(options, clock_ticks); !status.ok()) return status;
  if (absl::Status status = watch->MakeEvents(options, clock_ticks); !status.ok()) return status;
  agents::Observer::Options observer{
      .self_pid = options.self_pid,
      .clock_ticks = clock_ticks,
      .max_agents = options.max_agents,
      .forget_after_seconds = options.forget_after_seconds,
      .fields = options.fields,
      .count_names = options.count_names,
      .cross_check_seconds = options.cross_check_seconds,
      .clock = options.clock,
      .conclude = [&watch = *watch](double boottime, bool tick, agents::Observation& observation) {
        watch.leaks_.AddSample(boottime, tick, observation);
        watch.descriptors_.Look(watch.files_, tick, observation);
      }};
  watch->observer_ = std::make_unique<agents::Observer>(std::move(observer), std::move(rules),
                                                        *watch->source_, watch->events_.get(), watch->proc_,
                                                        watch->cgroup_root_, watch->unreadable_);
  return watch;
}

}  // namespace agent_exporter::serve
