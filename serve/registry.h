// Collectors register here; a scrape runs them all over one observation, each under its own deadline.
//
// A collector that throws does not fail the scrape, and a slow one is cut off. Either shows as
// agent_exporter_collector_success 0, and the other collectors' samples are complete.
//
// Any prometheus::Collectable can be registered, also a whole prometheus::Registry.
//
// Ownership: shares the collectables with the threads that late collectors may still run on.
// Thread safety: any number of threads may call Scrape; register everything before the first call.

#ifndef AGENT_EXPORTER_SERVE_REGISTRY_H_
#define AGENT_EXPORTER_SERVE_REGISTRY_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/deadline_runner.h"
#include "collectors/collector.h"
#include "prometheus/collectable.h"

namespace agent_exporter::serve {

class Registry {
 public:
  using Fresh = std::function<std::shared_ptr<const agents::Observation>()>;

  // `fresh` gives the observation of a new scrape; null: there is none young enough.
  Registry(Fresh fresh, std::chrono::milliseconds collector_timeout);

  // One of the table's collectors.
  void Register(const collectors::CollectorRow& row);
  // Any collectable, with its own name. `of_looks`: what it shows rests on looks at processes, so without an
  // observation it fails.
  void Register(std::string name, std::shared_ptr<prometheus::Collectable> collectable,
                bool of_looks = false);

  // Only these collectors (all when empty), less those excluded. InvalidArgument names a collector that is
  // unknown or off.
  absl::StatusOr<collectors::Families> Scrape(const std::vector<std::string>& collect,
                                              const std::vector<std::string>& exclude);

 private:
  struct Entry {
    std::string name;
    std::shared_ptr<prometheus::Collectable> collectable;
    bool of_looks = false;
    std::atomic<int> late{0};  // runs that were cut off and have not ended: no new one before they do
    std::atomic<double> last_success{0};
  };
  using Entries = std::vector<std::shared_ptr<Entry>>;
  struct Outcome {
    bool success = false;
    double seconds = 0;
    collectors::Families families;
  };
  class Pass;

  absl::Status CheckNames(const std::vector<std::string>& names) const;
  std::vector<Outcome> CollectAll(Entries entries,
                                  const std::shared_ptr<const agents::Observation>& observation);

  Fresh fresh_;
  std::chrono::milliseconds timeout_;
  Entries entries_;
  base::RunnerPool runners_{base::System::Real()};
};

}  // namespace agent_exporter::serve

#endif  // AGENT_EXPORTER_SERVE_REGISTRY_H_
