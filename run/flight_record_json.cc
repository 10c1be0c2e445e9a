// FlightRecord as JSON. A figure that could not be read has no key.

#include <nlohmann/json.hpp>

#include "agents/resource_names.h"
#include "run/flight_record.h"

namespace agent_exporter::run {
namespace {

using nlohmann::json;

template <typename Value>
void PutFigure(json& to, const char* key, const std::optional<Value>& value) {
  if (value) to[key] = *value;
}

template <typename Value>
std::optional<Value> Get(const json& from, const char* key) {
  const auto found = from.find(key);
  return found == from.end() ? std::nullopt : std::optional<Value>(found->get<Value>());
}

// The value in `all` with this name; throws if there is none.
template <typename Values>
auto Named(const json& text, const Values& all) {
  for (const auto value : all) {
    if (text.get<std::string>() == Name(value)) return value;
  }
  throw json::other_error::create(501, "unknown name " + text.dump(), nullptr);
}

FlightPoint PointFromJson(const json& from) {
  return {.seconds = from.at("seconds_before"),
          .resident_bytes = Get<uint64_t>(from, "resident_bytes"),
          .tree_resident_bytes = Get<uint64_t>(from, "tree_resident_bytes"),
          .open_fds = Get<uint64_t>(from, "open_fds"),
          .tree_open_fds = Get<uint64_t>(from, "tree_open_fds"),
          .descendants = from.at("descendants"),
          .cpu_ratio = Get<double>(from, "cpu_ratio"),
          .tree_cpu_ratio = Get<double>(from, "tree_cpu_ratio")};
}

agents::ResourceUse ResourceFromJson(const json& from) {
  return {.scope = Named(from.at("scope"), agents::kScopes),
          .resource = Named(from.at("resource"), agents::kResources),
          .source = Named(from.at("source"), agents::kSources),
          .used = from.at("used"),
          .limit = from.at("limit")};
}

}  // namespace

json FlightRecordToJson(const FlightRecord& record) {
  json result = {{"points", json::array()}, {"limits", json::array()}, {"peaks", json::object()}};
  for (const FlightPoint& point : record.points) {
    json to = {{"seconds_before", point.seconds}, {"descendants", point.descendants}};
    PutFigure(to, "resident_bytes", point.resident_bytes);
    PutFigure(to, "tree_resident_bytes", point.tree_resident_bytes);
    PutFigure(to, "open_fds", point.open_fds);
    PutFigure(to, "tree_open_fds", point.tree_open_fds);
    PutFigure(to, "cpu_ratio", point.cpu_ratio);
    PutFigure(to, "tree_cpu_ratio", point.tree_cpu_ratio);
    result["points"].push_back(std::move(to));
  }
  for (const agents::ResourceUse& use : record.resources) {
    result["limits"].push_back({{"scope", Name(use.scope)},
                                {"resource", Name(use.resource)},
                                {"source", Name(use.source)},
                                {"used", use.used},
                                {"limit", use.limit}});
  }
  PutFigure(result["peaks"], "resident_bytes", record.peak_resident_bytes);
  PutFigure(result["peaks"], "tree_resident_bytes", record.peak_tree_resident_bytes);
  PutFigure(result["peaks"], "open_fds", record.peak_open_fds);
  result["peaks"]["descendants"] = record.peak_descendants;
  if (!record.left_behind.empty()) result["left_behind"] = record.left_behind;
  return result;
}

absl::StatusOr<FlightRecord> FlightRecordFromJson(const json& from) {
  try {
    FlightRecord record;
    for (const json& point : from.at("points")) record.points.push_back(PointFromJson(point));
    for (const json& use : from.at("limits")) record.resources.push_back(ResourceFromJson(use));
    const json& peaks = from.at("peaks");
    record.peak_resident_bytes = Get<uint64_t>(peaks, "resident_bytes");
    record.peak_tree_resident_bytes = Get<uint64_t>(peaks, "tree_resident_bytes");
    record.peak_open_fds = Get<uint64_t>(peaks, "open_fds");
    record.peak_descendants = peaks.at("descendants");
    record.left_behind = from.value("left_behind", std::vector<std::string>());
    return record;
  } catch (const json::exception& error) {
    return absl::InvalidArgumentError(error.what());
  }
}

}  // namespace agent_exporter::run
