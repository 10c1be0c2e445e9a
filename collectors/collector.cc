#include "collectors/collector.h"

#include "collectors/table.h"

namespace agent_exporter::collectors {

#define DECLARE(name, enabled, needs, help) Families name(const agents::Observation& observation);
AGENT_EXPORTER_COLLECTORS(DECLARE)
#undef DECLARE

absl::Span<const CollectorRow> CollectorTable() {
#define ROW(name, enabled, needs, help) {#name, enabled, Needs::needs, help, &collectors::name},
  static constexpr CollectorRow kTable[] = {AGENT_EXPORTER_COLLECTORS(ROW)};
#undef ROW
  return kTable;
}

Families ObservationCollectable::Collect() const {
  const auto observation = provider_();
  return observation == nullptr ? Families{} : row_.collect(*observation);
}

}  // namespace agent_exporter::collectors
