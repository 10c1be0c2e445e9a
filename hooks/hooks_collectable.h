// The metrics of hooks (runs by result) and of conditions (whether each holds).
//
// Ownership: shares the pool and the events. Thread safety: Collect may be called from any number of threads.

#ifndef AGENT_EXPORTER_HOOKS_HOOKS_COLLECTABLE_H_
#define AGENT_EXPORTER_HOOKS_HOOKS_COLLECTABLE_H_

#include <memory>
#include <utility>

#include "collectors/collector.h"
#include "hooks/agent_events.h"
#include "hooks/hook_pool.h"
#include "prometheus/collectable.h"

namespace agent_exporter::hooks {

// agent_exporter_hooks_total and agent_condition.
class HooksCollectable : public prometheus::Collectable {
 public:
  HooksCollectable(std::shared_ptr<const HookPool> hooks, std::shared_ptr<const AgentEvents> events)
      : hooks_(std::move(hooks)), events_(std::move(events)) {}
  collectors::Families Collect() const override;

 private:
  std::shared_ptr<const HookPool> hooks_;
  std::shared_ptr<const AgentEvents> events_;
};

}  // namespace agent_exporter::hooks

#endif  // AGENT_EXPORTER_HOOKS_HOOKS_COLLECTABLE_H_
