// The metrics of snapshots, from the ticker's last round, so that a scrape runs no program and reads no file.
//
// Ownership: shares the ticker. Thread safety: Collect may be called from any number of threads.

#ifndef AGENT_EXPORTER_SNAPSHOT_SNAPSHOT_COLLECTABLE_H_
#define AGENT_EXPORTER_SNAPSHOT_SNAPSHOT_COLLECTABLE_H_

#include <memory>
#include <utility>

#include "collectors/collector.h"
#include "prometheus/collectable.h"
#include "snapshot/ticker.h"

namespace agent_exporter::snapshot {

collectors::Families SnapshotFamilies(const SnapshotFigures& figures);

class SnapshotCollectable : public prometheus::Collectable {
 public:
  explicit SnapshotCollectable(std::shared_ptr<const SnapshotTicker> ticker) : ticker_(std::move(ticker)) {}
  collectors::Families Collect() const override { return SnapshotFamilies(ticker_->figures()); }

 private:
  std::shared_ptr<const SnapshotTicker> ticker_;
};

}  // namespace agent_exporter::snapshot

#endif  // AGENT_EXPORTER_SNAPSHOT_SNAPSHOT_COLLECTABLE_H_
