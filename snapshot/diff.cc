#include "snapshot/diff.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace agent_exporter::snapshot {
namespace {

using Json = nlohmann::ordered_json;

// Pointers into the snapshot.
using Flat = std::map<std::string, const Json*>;

void Flatten(const Json& value, const std::string& key, Flat* flat) {
  if (value.is_object()) {
    for (const auto& [name, child] : value.items())
      Flatten(child, key.empty() ? name : absl::StrCat(key, ".", name), flat);
  } else if (!value.is_null()) {
    (*flat)[key] = &value;
  }
}

// Whether `key` is `field` or stands below it.
bool IsWithin(std::string_view key, std::string_view field) {
  return key.starts_with(field) && (key.size() == field.size() || key[field.size()] == '.');
}

bool IsIgnored(std::string_view key, const DiffOptions& options) {
  if (key == "timestamp" || key == "has_diff" || key == "diff_fields") return true;
  return std::any_of(options.ignore.begin(), options.ignore.end(),
                     [key](const std::string& field) { return IsWithin(key, field); });
}

bool IsTooSmall(std::string_view key, const Json& before, const Json& after, const DiffOptions& options) {
  if (!before.is_number() || !after.is_number()) return false;
  const auto minimum = std::find_if(options.minimum.begin(), options.minimum.end(),
                                    [key](const auto& entry) { return IsWithin(key, entry.first); });
  if (minimum == options.minimum.end()) return false;
  const double old_value = before.get<double>();
  const double least =
      minimum->second.percent ? std::abs(old_value) * minimum->second.amount / 100 : minimum->second.amount;
  return std::abs(after.get<double>() - old_value) < least;
}

}  // namespace

std::vector<std::string> DiffFields(const Json& before, const Json& after, const DiffOptions& options) {
  Flat old_values, new_values;
  Flatten(before, "", &old_values);
  Flatten(after, "", &new_values);
  std::vector<std::string> fields;
  for (const auto& [key, value] : new_values) {
    const auto old = old_values.find(key);
    const bool same =
        old != old_values.end() && (*old->second == *value || IsTooSmall(key, *old->second, *value, options));
    if (!same && !IsIgnored(key, options)) fields.push_back(key);
  }
  for (const auto& [key, value] : old_values) {
    if (!new_values.contains(key) && !IsIgnored(key, options)) fields.push_back(key);
  }
  std::sort(fields.begin(), fields.end());
  return fields;
}

}  // namespace agent_exporter::snapshot
