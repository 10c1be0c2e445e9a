#include "agents/agent_group.h"

namespace agent_exporter {

std::shared_ptr<AgentGroup> AgentGroupTable::Get(const Match& match, double now, bool* folded) {
  *folded = false;
  Key key{match.agent, match.kind, match.slot};
  auto found = groups_.find(key);
  if (found == groups_.end() && groups_.size() >= max_agents_) {
    // Someone who left makes room before anyone who is here is folded.
    auto oldest = groups_.end();
    for (auto at = groups_.begin(); at != groups_.end(); ++at) {
      const AgentGroup& group = *at->second;
      if (group.members > 0 || group.configured || group.last_alive >= now) continue;
      if (oldest == groups_.end() || group.last_alive < oldest->second->last_alive) oldest = at;
    }
    if (oldest != groups_.end()) {
      groups_.erase(oldest);
    } else {
      *folded = true;
      key = {"other", "", ""};
      found = groups_.find(key);
    }
  }
  if (found == groups_.end()) {
    auto group = std::make_shared<AgentGroup>();
    std::tie(group->name, group->kind, group->slot) = key;
    found = groups_.emplace(std::move(key), std::move(group)).first;
  }
  found->second->last_alive = now;
  return found->second;
}

void AgentGroupTable::Configure(const std::string& name) {
  bool known = false;
  for (auto& [key, group] : groups_) {
    if (group->name == name) known = group->configured = true;
  }
  if (known) return;
  auto group = std::make_shared<AgentGroup>();
  group->name = name;
  group->configured = true;
  groups_.emplace(Key{name, "", ""}, std::move(group));
}

void AgentGroupTable::ClearConfigured() {
  for (auto& [key, group] : groups_) group->configured = false;
}

void AgentGroupTable::ForgetStale(double now) {
  std::erase_if(groups_, [&](const auto& entry) {
    const AgentGroup& group = *entry.second;
    return !group.configured && group.members == 0 && now - group.last_alive > forget_after_seconds_;
  });
}

}  // namespace agent_exporter
