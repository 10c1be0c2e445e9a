// What stands above the samples in an exposition: families of one name merged, names kept apart, and how
// OpenMetrics declares them. A part of formats.h; nothing else needs it.
//
// Thread safety: free functions without state. Groups point into the families they were made of.

#ifndef AGENT_EXPORTER_FORMATS_FAMILY_GROUPS_H_
#define AGENT_EXPORTER_FORMATS_FAMILY_GROUPS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "formats/formats.h"
#include "prometheus/metric_family.h"

namespace agent_exporter::formats {

// All families of one name that have samples.
struct FamilyGroup {
  std::string name;  // as the samples bear it: a counter's always ends in _total
  std::string_view help;
  prometheus::MetricType type = prometheus::MetricType::Untyped;
  bool legal = true;  // false: conflicting types, a malformed name, or one another group already uses
  std::vector<const prometheus::MetricFamily*> parts;
};

// The TYPE and UNIT lines of a group; unit is empty where there is none.
struct Declaration {
  std::string name;
  std::string_view type;
  std::string_view unit;
};

// In the order of first appearance.
std::vector<FamilyGroup> MergeFamilies(const std::vector<prometheus::MetricFamily>& families);

// Marks groups that would bear a name already used (a gauge x_count beside a histogram x): the first group
// keeps it. Returns all names in use.
absl::flat_hash_set<std::string> ClaimNames(std::vector<FamilyGroup>* groups);

std::string_view TypeName(prometheus::MetricType type, Format format);

// How OpenMetrics declares a group; call in order, *names remembers what was declared. A counter and an Info
// are declared under a shorter name than their samples bear. Where that name belongs to another family
// (agent_resource_limit beside agent_resource_limit_info), or the values are none such a type may have, the
// family keeps its full name under a type without such rules, so that both formats always carry the same
// samples.
Declaration DeclareOpenMetrics(const FamilyGroup& group, absl::flat_hash_set<std::string>* names);

}  // namespace agent_exporter::formats

#endif  // AGENT_EXPORTER_FORMATS_FAMILY_GROUPS_H_
