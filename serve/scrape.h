// A scrape: one observation, shown by every collector that is switched on, each under its own deadline.
//
// One failing collector (it throws) never fails a scrape and one slow one is cut off; both show as
// agent_exporter_collector_success 0 and the others' samples are there.
//
// Ownership: shares the collectables with threads that a late collector may still run on.
// Thread safety: Run may be called from any number of threads; Add before the first Run only.

#ifndef AGENT_EXPORTER_SERVE_SCRAPE_H_
#define AGENT_EXPORTER_SERVE_SCRAPE_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "collectors/collector.h"
#include "http/deadline_runner.h"
#include "prometheus/collectable.h"

namespace agent_exporter::serve {

class Scraper {
 public:
  using Fresh = std::function<std::shared_ptr<const agents::Observation>()>;

  // `fresh` gives the observation of a new scrape.
  Scraper(Fresh fresh, std::chrono::milliseconds collector_timeout);

  // Adds one of the table's collectors.
  void Add(const collectors::CollectorRow& row);
  // Adds anybody's collectable under a name of its own.
  void Add(std::string name, std::shared_ptr<prometheus::Collectable> collectable);

  // Only these collectors (all when empty), less those excluded. InvalidArgument names a collector that is
  // unknown or off.
  absl::StatusOr<collectors::Families> Run(const std::vector<std::string>& collect,
                                           const std::vector<std::string>& exclude);

 private:
  struct Entry {
    std::string name;
    std::shared_ptr<prometheus::Collectable> collectable;
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
  http::RunnerPool runners_;
};

}  // namespace agent_exporter::serve

#endif  // AGENT_EXPORTER_SERVE_SCRAPE_H_
