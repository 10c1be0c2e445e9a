#include "agents/limits.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "agents/complete_sum.h"
#include "agents/resource_names.h"
#include "base/fnv1a.h"

namespace agent_exporter::agents {
namespace {

constexpr double kRereadSeconds = 60;
constexpr double kInotifySeconds = 300, kInotifyNearSeconds = 30, kUserTasksSeconds = 30;

using Resource = ResourceUse::Resource;
using UseScope = ResourceUse::Scope;
using Source = ResourceUse::Source;

// Identifies one of several figures that a holder has of one resource.
constexpr uint64_t SeriesOf(std::string_view measure, std::string_view group = "") {
  return base::Fnv1a(group, base::Fnv1a(measure));
}

constexpr uint64_t kOwn = SeriesOf("own"), kVirtual = SeriesOf("virtual"), kHeap = SeriesOf("v8"),
                   kTree = SeriesOf("tree");

// A process other than a root has its own figure only above this share of its limit.
constexpr double kWatchedShare = 0.1;

// Keeps the tightest limit of each figure. All figures of one holder must be added consecutively.
class Holdings {
 public:
  void Offer(UseScope scope, Resource resource, Source source, const kernel::ProcessKey& holder,
             uint64_t series, std::optional<uint64_t> used, std::optional<uint64_t> limit) {
    if (!used || !limit || *limit == 0) return;
    const ResourceUse use{scope, resource, source, *used, *limit, holder, series};
    for (auto at = all_.rbegin(); at != all_.rend() && at->holder == holder; ++at) {
      if (at->scope != scope || at->resource != resource || at->series != series) continue;
      if (use.ratio() > at->ratio()) *at = use;
      return;
    }
    all_.push_back(use);
  }

  // The tightest limit of each scope and resource. For descriptors, the tree's figure is that of its fullest
  // process.
  std::vector<ResourceUse> Tightest() const {
    std::array<std::array<std::optional<ResourceUse>, kResources.size()>, 2> slots;
    for (const ResourceUse& use : all_) {
      for (const UseScope scope : kScopes) {
        if (scope != use.scope && !(use.scope == UseScope::kSelf && use.resource == Resource::kFds)) continue;
        auto& slot = slots[static_cast<size_t>(scope)][static_cast<size_t>(use.resource)];
        if (slot && use.ratio() <= slot->ratio()) continue;
        slot = use;
        slot->scope = scope;
      }
    }
    std::vector<ResourceUse> uses;
    for (const auto& scope : slots) {
      for (const auto& slot : scope) {
        if (slot) uses.push_back(*slot);
      }
    }
    return uses;
  }

  // All figures except those of non-root processes far from their limits.
  std::vector<ResourceUse> Take() {
    std::erase_if(all_, [](const ResourceUse& use) {
      return use.holder.pid != 0 && use.scope == UseScope::kTree && use.ratio() < kWatchedShare;
    });
    return std::move(all_);
  }

 private:
  std::vector<ResourceUse> all_;
};

}  // namespace

void LimitBook::ReadProcess(ProcessSample& process, double now) {
  ProcessEntry& entry = processes_[process.key];
  const uint64_t fds = process.usage.open_fds.value_or(0);
  const bool half_full = entry.limits.open_files && fds * 2 > *entry.limits.open_files;
  if (entry.read_at < 0 || now - entry.read_at >= kRereadSeconds || half_full || entry.comm != process.comm) {
    if (entry.read_at < 0 || entry.comm != process.comm) entry.v8_heap = ReadV8Heap(files_, process);
    entry.read_at = now;
    entry.comm = process.comm;
    auto limits = files_.Limits(process.key.pid);
    entry.known = limits.ok();
    if (limits.ok()) {
      entry.limits = *limits;
    } else if (!absl::IsNotFound(limits.status())) {
      unreadable_.Count("limits", limits.status());
    }
    auto cgroup = files_.Cgroup(process.key.pid);
    if (cgroup.ok()) {
      if (last_cgroup_ == nullptr || *last_cgroup_ != *cgroup) {
        last_cgroup_ = std::make_shared<const std::string>(*std::move(cgroup));
      }
      entry.cgroup = last_cgroup_;
    } else if (!absl::IsNotFound(cgroup.status())) {
      unreadable_.Count("cgroup", cgroup.status());
    }
  }
  process.limits = entry.limits;
  process.limits_known = entry.known;
}

const std::vector<kernel::CgroupLimit>& LimitBook::CgroupLimits(const std::string& membership, double now) {
  CgroupEntry& entry = by_membership_[membership];
  const bool half_full =
      std::any_of(entry.limits.begin(), entry.limits.end(),
                  [](const kernel::CgroupLimit& limit) { return limit.used * 2 > limit.limit; });
  if (entry.read_at < 0 || now - entry.read_at >= kRereadSeconds || (half_full && now > entry.read_at)) {
    entry.limits = cgroups_.Limits(membership);
    entry.read_at = now;
  }
  entry.used_at = now;
  // A membership that was not looked up for a while belongs to processes that are gone.
  absl::erase_if(by_membership_,
                 [&](const auto& other) { return now - other.second.used_at > 2 * kRereadSeconds; });
  return by_membership_[membership].limits;
}

namespace {

Source SourceOf(const kernel::CgroupLimit& limit) {
  switch (limit.kind) {
    case kernel::CgroupLimit::Kind::kHigh:
      return Source::kCgroupHigh;
    case kernel::CgroupLimit::Kind::kSwap:
      return Source::kCgroupSwap;
    case kernel::CgroupLimit::Kind::kMax:
      break;
  }
  return limit.ancestor ? Source::kCgroupAncestor : Source::kCgroup;
}

bool IsMemory(const kernel::CgroupLimit& limit) {
  return limit.resource == kernel::CgroupLimit::Resource::kMemory;
}

std::optional<uint64_t> HostTasks(const kernel::HostSample& host) {
  if (!host.threads_max) return host.pid_max;
  return std::min(host.pid_max.value_or(*host.threads_max), *host.threads_max);
}

// How far `own` can grow: itself plus what is available on the host.
std::optional<uint64_t> HostMemory(const kernel::HostSample& host, std::optional<uint64_t> own) {
  if (!host.memory || !own) return std::nullopt;
  return *own + host.memory->available + host.memory->swap_free;
}

std::optional<uint64_t> HeapBytes(const V8Heap& heap, const kernel::HostSample& host,
                                  const std::vector<kernel::CgroupLimit>& cgroups) {
  if (heap.given_bytes || !host.memory) return heap.given_bytes;
  uint64_t memory = host.memory->total;
  for (const kernel::CgroupLimit& limit : cgroups) {
    if (IsMemory(limit) && limit.kind == kernel::CgroupLimit::Kind::kMax)
      memory = std::min(memory, limit.limit);
  }
  return DefaultV8HeapBytes(memory);
}

// Adds the figures of one process, with each limit that can stop it.
void AddProcess(const ProcessSample& process, const kernel::HostSample& host,
                const std::vector<kernel::CgroupLimit>& cgroups, const std::optional<V8Heap>& heap,
                bool may_fork_at_will, Holdings* holdings) {
  const bool root = process.role == Role::kRoot;
  const kernel::ProcessUsage& usage = process.usage;
  const auto offer = [&](Resource resource, Source source, std::optional<uint64_t> used,
                         std::optional<uint64_t> limit, uint64_t series = kOwn) {
    holdings->Offer(root ? UseScope::kSelf : UseScope::kTree, resource, source, process.key, series, used,
                    limit);
  };
  const auto tasks = std::optional<uint64_t>(std::max(process.threads, 1u));
  if (process.limits_known) {
    offer(Resource::kFds, Source::kRlimit, usage.open_fds, process.limits.open_files);
    offer(Resource::kMemory, Source::kRlimit, usage.virtual_bytes, process.limits.address_space_bytes,
          kVirtual);
    if (root && !may_fork_at_will) offer(Resource::kPids, Source::kRlimit, tasks, process.limits.processes);
  }
  if (heap)
    offer(Resource::kMemory, Source::kV8Heap, usage.anon_bytes, HeapBytes(*heap, host, cgroups), kHeap);
  for (const kernel::CgroupLimit& limit : cgroups) {
    if (IsMemory(limit)) {
      offer(Resource::kMemory, SourceOf(limit), usage.resident_bytes, limit.limit);
    } else if (root) {
      offer(Resource::kPids, SourceOf(limit), tasks, limit.limit);
    }
  }
  offer(Resource::kMemory, Source::kHost, usage.resident_bytes, HostMemory(host, usage.resident_bytes));
  if (!root) return;
  offer(Resource::kFds, Source::kHost, usage.open_fds, host.max_fds);
  offer(Resource::kPids, Source::kHost, tasks, HostTasks(host));
}

}  // namespace

std::optional<uid_t> LimitBook::UserOf(const kernel::ProcessKey& root) {
  const auto entry = processes_.find(root);
  if (entry == processes_.end()) return std::nullopt;
  if (!entry->second.user) entry->second.user = shared_.Owner(root.pid);
  return entry->second.user;
}

const kernel::InotifyUse& LimitBook::Inotify(uid_t user, double now) {
  UserEntry& known = users_[user];
  const auto half_full = [](uint64_t used, std::optional<uint64_t> limit) {
    return limit && used * 2 > *limit;
  };
  const bool near = half_full(known.inotify.instances, known.inotify.max_instances) ||
                    half_full(known.inotify.watches, known.inotify.max_watches);
  const double interval = near ? kInotifyNearSeconds : kInotifySeconds;
  if (known.inotify_read_at < 0 || now - known.inotify_read_at >= interval) {
    known.inotify = shared_.Inotify(user);
    known.inotify_read_at = now;
  }
  return known.inotify;
}

std::optional<uint64_t> LimitBook::TasksOf(uid_t user, uint64_t limit, const kernel::HostSample& host,
                                           double now) {
  if (!host.load || host.load->threads * 2 <= limit) return std::nullopt;
  UserEntry& known = users_[user];
  if (known.tasks_read_at < 0 || now - known.tasks_read_at >= kUserTasksSeconds) {
    known.tasks = shared_.Tasks(user);
    known.tasks_read_at = now;
  }
  return known.tasks;
}

std::optional<kernel::PtyUse> LimitBook::Ptys(double now) {
  if (ptys_read_at_ < 0 || now - ptys_read_at_ >= kRereadSeconds || (ptys_ && ptys_->used * 2 > ptys_->max)) {
    ptys_ = shared_.Ptys();
    ptys_read_at_ = now;
  }
  return ptys_;
}

void LimitBook::Tightest(AgentSample& agent, const kernel::HostSample& host, double now) {
  if (agent.processes.empty()) return;
  Holdings holdings;
  CompleteSum memory, tasks, fds;
  std::map<uid_t, uint64_t> users;  // owners of the roots, each with the tightest RLIMIT_NPROC
  std::map<std::string, std::vector<kernel::CgroupLimit>> groups;  // by membership
  for (const ProcessSample& process : agent.processes) {
    tasks.Add(std::max(process.threads, 1u));
    if (process.state == 'Z') continue;
    memory.Add(process.usage.resident_bytes);
    fds.Add(process.usage.open_fds);
    const auto entry = processes_.find(process.key);
    const ProcessEntry* const known = entry == processes_.end() ? nullptr : &entry->second;
    const std::vector<kernel::CgroupLimit>* limits = nullptr;
    if (known != nullptr && known->cgroup != nullptr && !known->cgroup->empty()) {
      const auto [group, fresh] = groups.try_emplace(*known->cgroup);
      if (fresh) group->second = CgroupLimits(*known->cgroup, now);
      limits = &group->second;
    }
    static const std::vector<kernel::CgroupLimit> kNone;
    const std::optional<uid_t> user = process.role == Role::kRoot ? UserOf(process.key) : std::nullopt;
    AddProcess(process, host, limits == nullptr ? kNone : *limits,
               known == nullptr ? std::nullopt : known->v8_heap, user == uid_t{0}, &holdings);
    if (user) {
      uint64_t& most = users.try_emplace(*user, UINT64_MAX).first->second;
      most = std::min(most, process.limits.processes.value_or(UINT64_MAX));
    }
  }

  const auto offer_tree = [&holdings](Resource resource, Source source, uint64_t series,
                                      std::optional<uint64_t> used, std::optional<uint64_t> limit) {
    holdings.Offer(UseScope::kTree, resource, source, {}, series, used, limit);
  };
  for (const auto& [membership, limits] : groups) {
    for (const kernel::CgroupLimit& limit : limits) {
      const Resource resource = IsMemory(limit) ? Resource::kMemory : Resource::kPids;
      offer_tree(resource, SourceOf(limit), SeriesOf(Name(SourceOf(limit)), limit.path), limit.used,
                 limit.limit);
      if (IsMemory(limit)) continue;
      const uint64_t headroom = limit.limit > limit.used ? limit.limit - limit.used : 0;
      agent.cgroup_pids_headroom = std::min(agent.cgroup_pids_headroom.value_or(headroom), headroom);
    }
  }
  const auto offer_shared = [&offer_tree](Resource resource, const std::string& whose, uint64_t used,
                                          std::optional<uint64_t> limit) {
    if (!limit || static_cast<double>(used) < kWatchedShare * static_cast<double>(*limit)) return;
    offer_tree(resource, Source::kHost, SeriesOf("shared", whose), used, limit);
  };
  for (const auto& [user, most_tasks] : users) {
    const std::string whose = std::to_string(user);
    const kernel::InotifyUse& inotify = Inotify(user, now);
    offer_shared(Resource::kInotifyInstances, whose, inotify.instances, inotify.max_instances);
    offer_shared(Resource::kInotifyWatches, whose, inotify.watches, inotify.max_watches);
    if (user == 0 || most_tasks == UINT64_MAX) continue;
    const uint64_t of_agent = tasks.value().value_or(0);
    offer_tree(Resource::kPids, Source::kRlimit, SeriesOf("user", whose),
               std::max(of_agent, TasksOf(user, most_tasks, host, now).value_or(0)), most_tasks);
  }
  if (const auto ptys = Ptys(now)) offer_shared(Resource::kPtys, "", ptys->used, ptys->max);
  offer_tree(Resource::kFds, Source::kHost, kTree, fds.value(), host.max_fds);
  offer_tree(Resource::kMemory, Source::kHost, kTree, memory.value(), HostMemory(host, memory.value()));
  offer_tree(Resource::kPids, Source::kHost, kTree, tasks.value(), HostTasks(host));
  agent.resources = holdings.Tightest();
  agent.holdings = holdings.Take();
}

}  // namespace agent_exporter::agents
