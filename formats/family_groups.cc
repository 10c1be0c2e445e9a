#include "formats/family_groups.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "formats/text_writer.h"

namespace agent_exporter::formats {
namespace {

using ::prometheus::ClientMetric;
using ::prometheus::MetricFamily;
using ::prometheus::MetricType;

std::string SampleName(const MetricFamily& family) {
  const bool bare_counter = family.type == MetricType::Counter && !family.name.ends_with("_total");
  return bare_counter ? family.name + "_total" : family.name;
}

std::string Join(std::string_view name, std::string_view suffix) { return std::string(name).append(suffix); }

bool ConsumeSuffix(std::string_view* name, std::string_view suffix) {
  if (!name->ends_with(suffix)) return false;
  name->remove_suffix(suffix.size());
  return true;
}

// Suffixes that the samples of a group may add to its name. No other group may use the resulting names.
// OpenMetrics reserves _created.
std::vector<std::string_view> Suffixes(MetricType type) {
  if (type == MetricType::Histogram) return {"_bucket", "_count", "_sum", "_created"};
  if (type == MetricType::Summary) return {"_count", "_sum", "_created"};
  return {};
}

template <typename Predicate>
bool AllOf(const FamilyGroup& group, const Predicate& predicate) {
  return std::all_of(group.parts.begin(), group.parts.end(), [&](const MetricFamily* part) {
    return std::all_of(part->metric.begin(), part->metric.end(), predicate);
  });
}

std::string_view Unit(std::string_view name) {
  for (const std::string_view unit :
       {"seconds", "bytes", "ratio", "celsius", "meters", "volts", "amperes", "joules", "grams"}) {
    std::string_view rest = name;
    if (ConsumeSuffix(&rest, unit) && rest.size() > 1 && rest.ends_with('_')) return unit;
  }
  return {};
}

}  // namespace

std::vector<FamilyGroup> MergeFamilies(const std::vector<MetricFamily>& families) {
  std::vector<FamilyGroup> groups;
  absl::flat_hash_map<std::string, std::size_t> by_name;
  for (const MetricFamily& family : families) {
    if (family.metric.empty()) continue;
    const auto [it, is_new] = by_name.try_emplace(SampleName(family), groups.size());
    if (is_new) {
      groups.push_back({.name = it->first, .help = {}, .type = family.type, .parts = {}});
      groups.back().legal = IsMetricName(it->first);
    }
    FamilyGroup& group = groups[it->second];
    group.legal = group.legal && group.type == family.type;
    if (group.help.empty()) group.help = family.help;
    group.parts.push_back(&family);
  }
  return groups;
}

absl::flat_hash_set<std::string> ClaimNames(std::vector<FamilyGroup>* groups) {
  absl::flat_hash_set<std::string> names;
  for (FamilyGroup& group : *groups) {
    if (!group.legal) continue;
    const std::vector<std::string_view> suffixes = Suffixes(group.type);
    group.legal = !names.contains(group.name);
    for (const std::string_view suffix : suffixes) {
      group.legal = group.legal && !names.contains(Join(group.name, suffix));
    }
    if (!group.legal) continue;
    names.insert(group.name);
    for (const std::string_view suffix : suffixes) names.insert(Join(group.name, suffix));
  }
  return names;
}

std::string_view TypeName(MetricType type, Format format) {
  switch (type) {
    case MetricType::Counter:
      return "counter";
    case MetricType::Gauge:
      return "gauge";
    case MetricType::Summary:
      return "summary";
    case MetricType::Histogram:
      return "histogram";
    case MetricType::Untyped:
      break;
  }
  return format == Format::kOpenMetrics ? "unknown" : "untyped";
}

Declaration DeclareOpenMetrics(const FamilyGroup& group, absl::flat_hash_set<std::string>* names) {
  std::string_view stem = group.name;
  std::string_view type = TypeName(group.type, Format::kOpenMetrics);
  if (group.type == MetricType::Counter) {
    ConsumeSuffix(&stem, "_total");
    const bool rises = AllOf(group, [](const ClientMetric& metric) { return metric.counter.value >= 0; });
    const bool free = IsMetricName(stem) && !names->contains(Join(stem, "_created")) && rises &&
                      names->insert(std::string(stem)).second;
    if (!free) return {.name = group.name, .type = "unknown", .unit = {}};
  } else if (group.type == MetricType::Gauge && ConsumeSuffix(&stem, "_info")) {
    const bool ones = AllOf(group, [](const ClientMetric& metric) { return metric.gauge.value == 1; });
    const bool free = IsMetricName(stem) && ones && names->insert(std::string(stem)).second;
    return {.name = free ? std::string(stem) : group.name, .type = free ? "info" : type, .unit = {}};
  }
  return {.name = std::string(stem), .type = type, .unit = Unit(stem)};
}

}  // namespace agent_exporter::formats
