// What a collector is: a function from an Observation to metric families, and one row in the table below.
//
// To add one: write collectors/<name>.cc with the function of that name, add its row to collectors/table.h
// and its word to collectors/CMakeLists.txt. Its flags (--collector.<name>, --no-collector.<name>), its place
// in collect[] and its line in --help come from the row. CONTRIBUTING.md has an example.
//
// Thread safety: collectors are pure functions of an immutable Observation, so any number may run at once.

#ifndef AGENT_EXPORTER_COLLECTORS_COLLECTOR_H_
#define AGENT_EXPORTER_COLLECTORS_COLLECTOR_H_

#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "agents/observation.h"
#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"

namespace agent_exporter::collectors {

using Families = std::vector<prometheus::MetricFamily>;
using CollectFunction = Families (*)(const agents::Observation&);

// What a collector shows that must be read for it alone, so that nobody pays for a figure that is switched
// off.
enum class Needs { kNothing, kMemoryParts, kIo, kContextSwitches };

struct CollectorRow {
  std::string_view name;
  bool enabled_by_default;
  Needs needs;
  std::string_view help;
  CollectFunction collect;
};

// Every collector there is, in the order in which they are shown.
absl::Span<const CollectorRow> CollectorTable();

// Where a collector finds what to show: the observation of the scrape that is running. Null: none yet.
using ObservationProvider = std::function<std::shared_ptr<const agents::Observation>()>;

// A row as prometheus-cpp knows it, so that ours can be registered in anybody's registry and theirs in ours.
class ObservationCollectable : public prometheus::Collectable {
 public:
  ObservationCollectable(const CollectorRow& row, ObservationProvider provider)
      : row_(row), provider_(std::move(provider)) {}
  // Const and without side effects; empty while there is no observation.
  Families Collect() const override;

 private:
  const CollectorRow& row_;
  ObservationProvider provider_;
};

}  // namespace agent_exporter::collectors

#endif  // AGENT_EXPORTER_COLLECTORS_COLLECTOR_H_
