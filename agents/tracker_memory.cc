// Tracker's state that outlives the exporter, and how it is restored.

#include <algorithm>
#include <utility>

#include "agents/tracker.h"

namespace agent_exporter::agents {

std::vector<Remembered> Tracker::Memory() const {
  std::vector<Remembered> memory;
  for (const TrackedProcess* member : members_) {
    const TrackedProcess& process = *member;
    const bool root = IsRoot(process) && process.own_group == process.group;
    const bool reparented = process.lineage == process.group && process.stat.ppid != process.lineage_ppid;
    if (process.part || process.stat.key.pid == options_.self_pid) continue;
    if (!root && process.lineage != process.group) continue;
    Remembered& kept = memory.emplace_back();
    if (root) {
      kept.kind = process.registered ? Remembered::Kind::kRegistered : Remembered::Kind::kRoot;
    } else if (reparented) {
      kept.kind = Remembered::Kind::kOrphan;
    } else {
      kept.parent = process.stat.ppid;
    }
    kept.key = process.stat.key;
    kept.agent = process.group->name;
    kept.agent_kind = process.group->kind;
    kept.slot = process.group->slot;
    if (!root) continue;
    kept.scope = process.scope;
    kept.start_stack = process.stat.start_stack;
    if (process.match->rule < rules_.rules().size()) {
      kept.rule = RuleFingerprint(rules_.rules()[process.match->rule]);
    }
    const auto registered = registered_.find(process.stat.key.pid);
    if (registered == registered_.end() || registered->second.registration.key != process.stat.key) continue;
    kept.reaper = registered->second.registration.reaper;
    kept.helper = registered->second.registration.helper;
  }
  std::sort(memory.begin(), memory.end(),
            [](const Remembered& a, const Remembered& b) { return a.key < b.key; });
  return memory;
}

void Tracker::Remember(std::vector<Remembered> memory) {
  for (Remembered& kept : memory) {
    if (kept.kind == Remembered::Kind::kRegistered) {
      Register({.key = kept.key,
                .match = {.agent = kept.agent,
                          .kind = kept.agent_kind,
                          .slot = kept.slot,
                          .rule = SIZE_MAX,
                          .reason = std::make_shared<const MatchReason>(
                              MatchReason{.origin = "agent_exporter run",
                                          .rule = kept.agent,
                                          .what = "registered before the exporter was restarted"})},
                .reaper = kept.reaper,
                .helper = kept.helper});
      continue;
    }
    remembered_[kept.key] = std::move(kept);
  }
}

void Tracker::Restore(TrackedProcess& process) {
  const auto found = remembered_.find(process.stat.key);
  if (found == remembered_.end()) return;
  const Remembered& kept = found->second;
  Match match{.agent = kept.agent, .kind = kept.agent_kind, .slot = kept.slot, .scope = kept.scope};
  if (kept.kind == Remembered::Kind::kOrphan || kept.kind == Remembered::Kind::kDescendant) {
    bool folded = false;
    process.lineage = groups_.Get(match, now_, &folded);
    process.lineage_ppid = kept.parent;  // 0: the former parent is gone
    return;
  }
  const auto& rules = rules_.rules();
  const auto rule = std::find_if(rules.begin(), rules.end(),
                                 [&](const Rule& known) { return RuleFingerprint(known) == kept.rule; });
  if (rule == rules.end() || kept.start_stack == 0 || kept.start_stack != process.stat.start_stack) return;
  match.rule = static_cast<size_t>(rule - rules.begin());
  match.reason = std::make_shared<const MatchReason>(
      MatchReason{.origin = rule->origin,
                  .rule = rule->name,
                  .what = "it matched before the exporter was restarted and still runs the same program"});
  process.match = std::make_shared<const Match>(std::move(match));
  process.may_keep = true;
}

}  // namespace agent_exporter::agents
