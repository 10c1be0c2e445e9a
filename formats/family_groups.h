// Prepares families for formats.h: merges families of the same name, detects name conflicts, and finds the
// TYPE and UNIT lines for OpenMetrics. Internal to formats/.
//
// Ownership: groups point into the families from which they were built. Thread safety: free functions without
// state.

#ifndef AGENT_EXPORTER_FORMATS_FAMILY_GROUPS_H_
#define AGENT_EXPORTER_FORMATS_FAMILY_GROUPS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "formats/formats.h"
#include "prometheus/metric_family.h"

namespace agent_exporter::formats {

// All families with one name that have samples.
struct FamilyGroup {
  std::string name;  // the name of the samples; for a counter it always ends in _total
  std::string_view help;
  prometheus::MetricType type = prometheus::MetricType::Untyped;
  bool legal = true;  // false: conflicting types, a malformed name, or a name that another group already uses
  std::vector<const prometheus::MetricFamily*> parts;
};

// The TYPE and UNIT lines of a group. An empty unit means no UNIT line.
struct Declaration {
  std::string name;
  std::string_view type;
  std::string_view unit;
};

// Groups are in the order of first appearance.
std::vector<FamilyGroup> MergeFamilies(const std::vector<prometheus::MetricFamily>& families);

// Marks groups whose names are already used as not legal (a gauge x_count next to a histogram x): the first
// group wins. Returns all names in use.
absl::flat_hash_set<std::string> ClaimNames(std::vector<FamilyGroup>* groups);

std::string_view TypeName(prometheus::MetricType type, Format format);

// How OpenMetrics declares a group. Call it for all groups in order: *names collects the declared names.
// Counters and Infos are declared without their suffix. If another family has that shorter name
// (agent_resource_limit and agent_resource_limit_info), or the type does not allow a value, the family is
// declared with its full name and a type without such rules. So both formats always have the same samples.
Declaration DeclareOpenMetrics(const FamilyGroup& group, absl::flat_hash_set<std::string>* names);

}  // namespace agent_exporter::formats

#endif  // AGENT_EXPORTER_FORMATS_FAMILY_GROUPS_H_
