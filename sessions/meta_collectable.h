// Metrics from what agents report about themselves. Not a collector in the table, because this data is not
// part of an Observation.
//
// Ownership: the keeper is shared, because a scrape that timed out may still run on its own thread.
// Thread safety: Collect may be called from any number of threads.

#ifndef AGENT_EXPORTER_SESSIONS_META_COLLECTABLE_H_
#define AGENT_EXPORTER_SESSIONS_META_COLLECTABLE_H_

#include <memory>
#include <utility>

#include "collectors/collector.h"
#include "prometheus/collectable.h"
#include "sessions/meta_keeper.h"

namespace agent_exporter::sessions {

// agent_context_ratio, agent_subagents, agent_meta_info and agent_exporter_meta_reads_total.
class MetaCollectable : public prometheus::Collectable {
 public:
  explicit MetaCollectable(std::shared_ptr<const MetaKeeper> keeper) : keeper_(std::move(keeper)) {}
  collectors::Families Collect() const override;

 private:
  std::shared_ptr<const MetaKeeper> keeper_;
};

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_META_COLLECTABLE_H_
