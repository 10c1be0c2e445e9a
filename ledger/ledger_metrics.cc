#include "ledger/ledger_metrics.h"

#include "collectors/family.h"

namespace agent_exporter::ledger {

collectors::Families LedgerFamilies(const LedgerStats& stats, bool own) {
  collectors::Family events = collectors::Family::Counter(
      "agent_rate_limit_events_total", "Rate limit events by kind, as the ledger has counted them.");
  collectors::Family up =
      collectors::Family::Gauge("agent_exporter_ledger_up", "1 if the last write to the ledger went well.");
  collectors::Family writes =
      collectors::Family::Counter("agent_exporter_ledger_writes_total", "Ticks written to the ledger.");
  collectors::Family errors = collectors::Family::Counter("agent_exporter_ledger_errors_total",
                                                          "Writes to the ledger that failed, by reason.");
  collectors::Family aside = collectors::Family::Counter(
      "agent_exporter_ledger_set_aside_total", "Damaged ledger files that were set aside for a new one.");
  collectors::Family last = collectors::Family::Gauge("agent_exporter_ledger_last_write_timestamp_seconds",
                                                      "When the last tick was written.");
  collectors::Family bytes =
      collectors::Family::Gauge("agent_exporter_ledger_file_bytes", "Size of the ledger with its log.");
  if (stats.events) {
    for (const auto& [key, total] : *stats.events) {
      events.Add({{"agent", key.first}, {"kind", key.second}}, static_cast<double>(total));
    }
  }
  if (own) {
    up.Add({}, stats.open ? 1.0 : 0.0);
    writes.Add({}, stats.writes);
    aside.Add({}, stats.set_aside);
    // Export all reasons from the start: an alert on an increase needs an earlier value.
    for (const char* reason : {"damaged", "full", "locked", "other", "refused"}) {
      const auto found = stats.errors.find(reason);
      errors.Add({{"reason", reason}}, found == stats.errors.end() ? uint64_t{0} : found->second);
    }
    if (stats.last_write) last.Add({}, *stats.last_write);
    bytes.Add({}, stats.file_bytes);
  }
  return collectors::Collected(events, up, writes, errors, aside, last, bytes);
}

}  // namespace agent_exporter::ledger
