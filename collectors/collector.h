// A collector is a function from an Observation to metric families, and a row in the table of collectors.
//
// To add one, write the function <name> in collectors/<name>.cc, and add its row to collectors/table.h and
// its file to collectors/CMakeLists.txt. The row gives it its flags (--collector.<name>,
// --no-collector.<name>), its name in collect[] and its line in --help. CONTRIBUTING.md has an example.
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

// Data that is read only for this collector, so that it costs nothing while the collector is off.
enum class Needs { kNothing, kMemoryParts, kIo, kContextSwitches };

struct CollectorRow {
  std::string_view name;
  bool enabled_by_default;
  Needs needs;
  std::string_view help;
  CollectFunction collect;
};

// All collectors, in the order of their output.
absl::Span<const CollectorRow> CollectorTable();

// Returns the observation of the running scrape, or null if there is none yet.
using ObservationProvider = std::function<std::shared_ptr<const agents::Observation>()>;

// Adapts a row to prometheus-cpp, so that our collectors work in any prometheus-cpp registry.
class ObservationCollectable : public prometheus::Collectable {
 public:
  ObservationCollectable(const CollectorRow& row, ObservationProvider provider)
      : row_(row), provider_(std::move(provider)) {}
  // Has no side effects. Empty while there is no observation.
  Families Collect() const override;

 private:
  const CollectorRow& row_;
  ObservationProvider provider_;
};

}  // namespace agent_exporter::collectors

#endif  // AGENT_EXPORTER_COLLECTORS_COLLECTOR_H_
