#include "exporter/watch.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernel/procfs_source.h"

namespace agent_exporter {
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

}  // namespace

Watch::Watch(const WatchOptions& options)
    : proc_(options.procfs), cgroup_root_(absl::StrCat(options.sysfs, "/fs/cgroup")), files_(proc_) {}

absl::StatusOr<std::unique_ptr<Watch>> Watch::Make(const WatchOptions& options, Config config) {
  std::unique_ptr<Watch> watch(new Watch(options));
  if (!watch->proc_.ok()) {
    return absl::Status(watch->proc_.status().code(),
                        absl::StrCat("cannot read procfs: ", watch->proc_.status().message(),
                                     "; mount it or set --path.procfs"));
  }
  if (const auto boot = ReadBootTime(watch->proc_); !boot.ok()) {
    return absl::Status(boot.status().code(),
                        absl::StrCat(options.procfs, " is no readable procfs: ", boot.status().message(),
                                     "; mount it or set --path.procfs"));
  }
  const long clock_ticks = sysconf(_SC_CLK_TCK) > 0 ? sysconf(_SC_CLK_TCK) : 100;
  watch->source_ =
      std::make_unique<ProcfsSource>(watch->proc_, watch->unreadable_, clock_ticks, HeldDescriptors());
  Observer::Options observer{.self_pid = options.self_pid,
                             .clock_ticks = clock_ticks,
                             .max_agents = config.max_agents,
                             .forget_after_seconds = static_cast<double>(config.forget_after.count()),
                             .fields = options.fields,
                             .clock = options.clock};
  watch->observer_ = std::make_unique<Observer>(std::move(observer), std::move(config.rules), *watch->source_,
                                                watch->proc_, watch->cgroup_root_, watch->unreadable_);
  return watch;
}

}  // namespace agent_exporter
