// What came of the hooks.
//
// Ownership: shares the pool. Thread safety: Collect may be called from any number of threads.

#ifndef AGENT_EXPORTER_HOOKS_HOOKS_COLLECTABLE_H_
#define AGENT_EXPORTER_HOOKS_HOOKS_COLLECTABLE_H_

#include <memory>
#include <utility>

#include "collectors/collector.h"
#include "hooks/hook_pool.h"
#include "prometheus/collectable.h"

namespace agent_exporter::hooks {

// agent_exporter_hooks_total.
class HooksCollectable : public prometheus::Collectable {
 public:
  explicit HooksCollectable(std::shared_ptr<const HookPool> hooks) : hooks_(std::move(hooks)) {}
  collectors::Families Collect() const override;

 private:
  std::shared_ptr<const HookPool> hooks_;
};

}  // namespace agent_exporter::hooks

#endif  // AGENT_EXPORTER_HOOKS_HOOKS_COLLECTABLE_H_
