#include "agents/limits.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include "agents/complete_sum.h"

namespace agent_exporter::agents {
namespace {

constexpr double kRereadSeconds = 60;

using Resource = ResourceUse::Resource;
using UseScope = ResourceUse::Scope;
using Source = ResourceUse::Source;

// Keeps the tightest of what is offered, for each scope and resource.
class TightestOf {
 public:
  void Offer(UseScope scope, Resource resource, Source source, std::optional<uint64_t> used,
             std::optional<uint64_t> limit) {
    if (!used || !limit || *limit == 0) return;
    const ResourceUse use{scope, resource, source, *used, *limit};
    std::optional<ResourceUse>& slot = slots_[static_cast<size_t>(scope)][static_cast<size_t>(resource)];
    if (!slot || use.ratio() > slot->ratio()) slot = use;
  }

  std::vector<ResourceUse> Take() const {
    std::vector<ResourceUse> uses;
    for (const auto& scope : slots_) {
      for (const auto& slot : scope) {
        if (slot) uses.push_back(*slot);
      }
    }
    return uses;
  }

 private:
  std::array<std::array<std::optional<ResourceUse>, 3>, 2> slots_;
};

}  // namespace

void LimitBook::ReadProcess(ProcessSample& process, double now) {
  ProcessEntry& entry = processes_[process.key];
  const uint64_t fds = process.usage.open_fds.value_or(0);
  const bool half_full = entry.limits.open_files && fds * 2 > *entry.limits.open_files;
  if (entry.read_at < 0 || now - entry.read_at >= kRereadSeconds || half_full || entry.comm != process.comm) {
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
  // Memberships nobody asked about for a while belong to processes that are gone.
  absl::erase_if(by_membership_,
                 [&](const auto& other) { return now - other.second.used_at > 2 * kRereadSeconds; });
  return by_membership_[membership].limits;
}

void LimitBook::Tightest(AgentSample& agent, const kernel::HostSample& host, double now) {
  TightestOf tightest;
  CompleteSum self_memory, self_pids, tree_memory, tree_pids, self_fds, tree_fds;
  std::set<std::string> memberships;
  const std::string* membership = nullptr;  // the last one seen
  bool any_root = false;

  for (const ProcessSample& process : agent.processes) {
    const bool root = process.role == Role::kRoot;
    const uint32_t tasks = std::max(process.threads, 1u);
    tree_pids.Add(tasks);
    if (root) self_pids.Add(tasks);
    if (process.state == 'Z') continue;
    any_root |= root;
    const kernel::ProcessUsage& usage = process.usage;
    if (process.limits_known) {
      for (const UseScope scope : {UseScope::kSelf, UseScope::kTree}) {
        if (scope == UseScope::kSelf && !root) continue;
        tightest.Offer(scope, Resource::kFds, Source::kRlimit, usage.open_fds, process.limits.open_files);
        tightest.Offer(scope, Resource::kMemory, Source::kRlimit, usage.virtual_bytes,
                       process.limits.address_space_bytes);
      }
    }
    tree_memory.Add(usage.resident_bytes);
    tree_fds.Add(usage.open_fds);
    if (root) {
      self_memory.Add(usage.resident_bytes);
      self_fds.Add(usage.open_fds);
    }
    const auto entry = processes_.find(process.key);
    if (entry == processes_.end() || entry->second.cgroup.get() == membership) continue;
    membership = entry->second.cgroup.get();
    if (membership != nullptr && !membership->empty()) memberships.insert(*membership);
  }
  if (agent.processes.empty()) return;

  for (const ProcessSample& process : agent.processes) {
    if (process.role != Role::kRoot || !process.limits_known) continue;
    tightest.Offer(UseScope::kSelf, Resource::kPids, Source::kRlimit, self_pids.value(),
                   process.limits.processes);
    tightest.Offer(UseScope::kTree, Resource::kPids, Source::kRlimit, tree_pids.value(),
                   process.limits.processes);
  }
  for (const std::string& member_of : memberships) {
    for (const kernel::CgroupLimit& limit : CgroupLimits(member_of, now)) {
      const Source source = limit.ancestor ? Source::kCgroupAncestor : Source::kCgroup;
      const bool memory = limit.resource == kernel::CgroupLimit::Resource::kMemory;
      const Resource resource = memory ? Resource::kMemory : Resource::kPids;
      tightest.Offer(UseScope::kTree, resource, source, limit.used, limit.limit);
      if (any_root) {
        tightest.Offer(UseScope::kSelf, resource, source, memory ? self_memory.value() : self_pids.value(),
                       limit.limit);
      }
      if (!memory) {
        const uint64_t headroom = limit.limit > limit.used ? limit.limit - limit.used : 0;
        agent.cgroup_pids_headroom = std::min(agent.cgroup_pids_headroom.value_or(headroom), headroom);
      }
    }
  }

  std::optional<uint64_t> host_memory;
  if (host.memory) host_memory = host.memory->total;
  std::optional<uint64_t> host_tasks = host.pid_max;
  if (host.threads_max) host_tasks = std::min(host_tasks.value_or(*host.threads_max), *host.threads_max);
  const auto offer_host = [&](UseScope scope, const CompleteSum& fds, const CompleteSum& memory,
                              const CompleteSum& pids) {
    tightest.Offer(scope, Resource::kFds, Source::kHost, fds.value(), host.max_fds);
    tightest.Offer(scope, Resource::kMemory, Source::kHost, memory.value(), host_memory);
    tightest.Offer(scope, Resource::kPids, Source::kHost, pids.value(), host_tasks);
  };
  if (any_root) offer_host(UseScope::kSelf, self_fds, self_memory, self_pids);
  offer_host(UseScope::kTree, tree_fds, tree_memory, tree_pids);
  agent.resources = tightest.Take();
}

}  // namespace agent_exporter::agents
