// The metrics of process-exporter (namedprocess_*), name by name and label by label.
//
// Thread safety: GroupCollectable may be used from any number of threads; each Collect looks anew.

#ifndef AGENT_EXPORTER_COMPAT_GROUP_FAMILIES_H_
#define AGENT_EXPORTER_COMPAT_GROUP_FAMILIES_H_

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "compat/process_groups.h"
#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"

namespace agent_exporter::compat {

std::vector<prometheus::MetricFamily> GroupFamilies(const std::map<std::string, Group>& groups,
                                                    const ProcessGroups::Errors& errors,
                                                    const GroupOptions& options);

class GroupCollectable : public prometheus::Collectable {
 public:
  GroupCollectable(GroupOptions options, std::unique_ptr<ProcessGroups> groups)
      : options_(options), groups_(std::move(groups)) {}

  std::vector<prometheus::MetricFamily> Collect() const override;
  void SetRules(GroupRules rules);

 private:
  const GroupOptions options_;
  mutable std::mutex mutex_;
  const std::unique_ptr<ProcessGroups> groups_;  // guarded by mutex_
};

}  // namespace agent_exporter::compat

#endif  // AGENT_EXPORTER_COMPAT_GROUP_FAMILIES_H_
