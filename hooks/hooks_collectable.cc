#include "hooks/hooks_collectable.h"

#include "collectors/family.h"

namespace agent_exporter::hooks {

collectors::Families HooksCollectable::Collect() const {
  collectors::Family total = collectors::Family::Counter(
      "agent_exporter_hooks_total", "Events that hooks were to be told of, by what came of it.");
  for (const auto& [key, count] : hooks_->Counts()) {
    total.Add({{"hook", key.first}, {"result", key.second}}, count);
  }
  return collectors::Collected(total);
}

}  // namespace agent_exporter::hooks
