// What agents tell of themselves and what hooks came to, as metrics. Not collectors of the table: their
// figures are no part of an Observation.
//
// Ownership: shared, since a scrape that was cut off may still run on a thread of its own.
// Thread safety: Collect may be called from any number of threads.

#ifndef AGENT_EXPORTER_EXPORTER_META_COLLECTABLE_H_
#define AGENT_EXPORTER_EXPORTER_META_COLLECTABLE_H_

#include <memory>
#include <utility>

#include "collectors/collector.h"
#include "prometheus/collectable.h"
#include "snapshot/hooks.h"
#include "snapshot/meta_keeper.h"

namespace agent_exporter {

// agent_context_ratio, agent_subagents, agent_meta_info and agent_exporter_meta_reads_total.
class MetaCollectable : public prometheus::Collectable {
 public:
  explicit MetaCollectable(std::shared_ptr<const MetaKeeper> keeper) : keeper_(std::move(keeper)) {}
  Families Collect() const override;

 private:
  std::shared_ptr<const MetaKeeper> keeper_;
};

// agent_exporter_hooks_total.
class HooksCollectable : public prometheus::Collectable {
 public:
  explicit HooksCollectable(std::shared_ptr<const HookPool> hooks) : hooks_(std::move(hooks)) {}
  Families Collect() const override;

 private:
  std::shared_ptr<const HookPool> hooks_;
};

}  // namespace agent_exporter

#endif  // AGENT_EXPORTER_EXPORTER_META_COLLECTABLE_H_
