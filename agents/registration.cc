// Tracker's registered roots: processes that `run` registered as agents.

#include <utility>

#include "agents/tracker.h"

namespace agent_exporter::agents {
namespace {

// After this many samples we forget a registered process that was never seen.
constexpr uint64_t kRegisteredLooks = 3;

}  // namespace

void Tracker::Register(Registration registration) {
  if (const auto found = processes_.find(registration.key.pid); found != processes_.end()) {
    found->second.examine = true;
  }
  if (Registered* known = FindRegistered(registration.key)) {
    known->registration = std::move(registration);
    known->since = generation_;
    return;
  }
  const pid_t pid = registration.key.pid;
  registered_[pid] = {.registration = std::move(registration), .group = nullptr, .since = generation_};
}

Tracker::Registered* Tracker::FindRegistered(const kernel::ProcessKey& key) {
  const auto found = registered_.find(key.pid);
  if (found == registered_.end() || found->second.gone) return nullptr;
  const uint64_t known = found->second.registration.key.start_ticks;
  return known == key.start_ticks || key.start_ticks == 0 ? &found->second : nullptr;
}

// For a process whose parent died before a sample saw both, so that the agent's reaper is its parent now.
void Tracker::AdoptBelowReaper(TrackedProcess& process) {
  if (registered_.empty() || process.lineage != nullptr || process.registered) return;
  const TrackedProcess* parent = ParentOf(process);
  if (parent == nullptr) return;
  for (const auto& [pid, registered] : registered_) {
    const Registration& registration = registered.registration;
    if (registered.group == nullptr || registration.reaper != parent->stat.key) continue;
    if (registration.helper == process.stat.key.pid) continue;
    process.lineage = registered.group;
    process.lineage_ppid = 0;  // that process is no longer its parent
    return;
  }
}

void Tracker::ForgetRegistered() {
  absl::erase_if(registered_, [this](const auto& entry) {
    const Registered& registered = entry.second;
    return registered.gone ||
           (registered.group == nullptr && generation_ - registered.since > kRegisteredLooks);
  });
}

}  // namespace agent_exporter::agents
