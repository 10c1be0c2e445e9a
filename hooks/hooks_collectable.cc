#include "hooks/hooks_collectable.h"

#include "collectors/family.h"

namespace agent_exporter::hooks {

collectors::Families HooksCollectable::Collect() const {
  collectors::Family total = collectors::Family::Counter(
      "agent_exporter_hooks_total", "Events that hooks were to be told of, by what came of it.");
  for (const auto& [key, count] : hooks_->Counts()) {
    total.Add({{"hook", key.first}, {"result", key.second}}, count);
  }
  collectors::Family condition = collectors::Family::Gauge(
      "agent_condition", "1 while a condition of the configuration has held for its time, else 0.");
  for (const AgentEvents::ConditionState& state : events_->conditions()) {
    condition.Add(state.labels, uint64_t{state.holds});
  }
  return collectors::Collected(total, condition);
}

}  // namespace agent_exporter::hooks
