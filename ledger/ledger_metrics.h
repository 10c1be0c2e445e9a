// The ledger's metrics: rate limit events, and the ledger's own health.
//
// Thread safety: any thread may call Collect.

#ifndef AGENT_EXPORTER_LEDGER_LEDGER_METRICS_H_
#define AGENT_EXPORTER_LEDGER_LEDGER_METRICS_H_

#include <functional>
#include <utility>

#include "collectors/collector.h"
#include "ledger/keeper.h"
#include "prometheus/collectable.h"

namespace agent_exporter::ledger {

// `own` adds the agent_exporter_ledger_* families.
collectors::Families LedgerFamilies(const LedgerStats& stats, bool own);

class LedgerCollectable : public prometheus::Collectable {
 public:
  LedgerCollectable(std::function<LedgerStats()> stats, bool own) : stats_(std::move(stats)), own_(own) {}
  collectors::Families Collect() const override { return LedgerFamilies(stats_(), own_); }

 private:
  std::function<LedgerStats()> stats_;
  bool own_;
};

}  // namespace agent_exporter::ledger

#endif  // AGENT_EXPORTER_LEDGER_LEDGER_METRICS_H_
