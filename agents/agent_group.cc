#include "agents/agent_group.h"

#include <algorithm>
#include <utility>

namespace agent_exporter::agents {

namespace {

constexpr size_t kMaxEnded = 64;

}  // namespace

OomFinding NamedByOomEvent() { return {OomVerdict::kConfirmed, "the kernel's OOM event names it"}; }

void AgentGroup::RecordEnd(RootExit end) {
  end.category = CategorizeExit(end.status, end.self_killed, end.oom.verdict);
  ++counters.exits[end.category];
  if (ended.size() >= kMaxEnded) ended.erase(ended.begin());
  ended.push_back(std::move(end));
}

void AgentGroup::ApplyOomFinding(RootExit& end, OomFinding finding) {
  end.oom = std::move(finding);
  --counters.exits[end.category];
  end.category = CategorizeExit(end.status, end.self_killed, end.oom.verdict);
  ++counters.exits[end.category];
}

void AgentGroup::ConfirmOom(const kernel::ProcessKey& root) {
  for (RootExit& end : ended) {
    if (end.key == root || end.program == root) end.oom = NamedByOomEvent();
  }
}

bool AgentGroupTable::RuleIsFull(size_t rule) const {
  const auto made = std::count_if(groups_.begin(), groups_.end(),
                                  [rule](const auto& entry) { return entry.second->rule == rule; });
  return static_cast<size_t>(made) >= std::max<size_t>(1, max_agents_ / 2);
}

std::shared_ptr<AgentGroup> AgentGroupTable::Get(const Match& match, double now, bool* folded) {
  *folded = false;
  Key key{match.agent, match.kind, match.slot};
  auto found = groups_.find(key);
  const bool rule_is_full = found == groups_.end() && RuleIsFull(match.rule);
  if (found == groups_.end() && (rule_is_full || groups_.size() >= max_agents_)) {
    // Forget a stopped agent before folding a running one.
    auto oldest = groups_.end();
    for (auto at = groups_.begin(); at != groups_.end(); ++at) {
      const AgentGroup& group = *at->second;
      if (group.members > 0 || group.configured || group.last_alive >= now) continue;
      if (rule_is_full && group.rule != match.rule) continue;
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
    for (const auto& [other_key, other] : groups_)
      group->configured |= other->name == group->name && other->configured;
    // Remove the placeholder from before kind or slot was known, otherwise it would show as a second agent
    // that is down.
    const auto placeholder = groups_.find(Key{group->name, "", ""});
    if (placeholder != groups_.end() && placeholder->second->last_alive == 0) groups_.erase(placeholder);
    found = groups_.emplace(std::move(key), std::move(group)).first;
  }
  found->second->last_alive = now;
  if (!*folded) found->second->rule = match.rule;
  if (match.own_rule && !*folded && !found->second->configured) found->second->from_template = true;
  return found->second;
}

void AgentGroupTable::Configure(const std::string& name, const std::string& kind, const std::string& slot) {
  std::shared_ptr<AgentGroup>& group = groups_[Key{name, kind, slot}];
  if (group == nullptr) {
    group = std::make_shared<AgentGroup>();
    std::tie(group->name, group->kind, group->slot) = std::tie(name, kind, slot);
  }
  group->configured = true;
}

void AgentGroupTable::ConfigureName(const std::string& name) {
  bool known = false;
  for (auto& [key, group] : groups_) {
    if (group->name == name) known = group->configured = true;
  }
  if (!known) Configure(name, "", "");
}

void AgentGroupTable::ClearConfigured() {
  for (auto& [key, group] : groups_) group->configured = group->from_template = false;
}

void AgentGroupTable::ForgetStale(double now) {
  std::erase_if(groups_, [&](const auto& entry) {
    const AgentGroup& group = *entry.second;
    return !group.configured && group.members == 0 && now - group.last_alive > forget_after_seconds_;
  });
}

}  // namespace agent_exporter::agents
