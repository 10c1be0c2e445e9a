// The last minutes of one agent, as a diagnosis shows them.
//
// Units: bytes, seconds, cores. An empty optional could not be read.
//
// Thread safety: values and pure functions.

#ifndef AGENT_EXPORTER_RUN_FLIGHT_RECORD_H_
#define AGENT_EXPORTER_RUN_FLIGHT_RECORD_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agents/observation.h"

namespace agent_exporter::run {

// One tick. "self" is the root, "tree" the root and everything below it.
struct FlightPoint {
  double seconds = 0;  // in a record: before its end; in a ring: CLOCK_MONOTONIC
  std::optional<uint64_t> resident_bytes, tree_resident_bytes;
  std::optional<uint64_t> open_fds, tree_open_fds;
  uint64_t descendants = 0;
  std::optional<double> cpu_ratio, tree_cpu_ratio;  // empty in the first tick, which has no interval
};

struct FlightRecord {
  std::vector<FlightPoint> points;             // oldest first; the last is the last external sample
  std::vector<agents::ResourceUse> resources;  // the tightest limits; the higher use of the last two ticks
  // Over all the time the root was watched, not only `points`.
  std::optional<uint64_t> peak_resident_bytes, peak_tree_resident_bytes, peak_open_fds;
  uint64_t peak_descendants = 0;
  std::vector<std::string> left_behind;  // "comm (pid)" of descendants that still live
};

// The robust slope (leaks/theil_sen.h) of one figure; empty with fewer than three points.
struct Growth {
  double per_minute = 0;
  double span_seconds = 0;
};
std::optional<Growth> GrowthOf(const std::vector<FlightPoint>& points,
                               std::optional<double> (*figure)(const FlightPoint&));

// The figures whose growth is reported, by name: "resident_bytes", "open_fds", …
struct FlightFigure {
  const char* name;
  bool bytes;
  std::optional<double> (*value)(const FlightPoint&);
};
const std::vector<FlightFigure>& FlightFigures();

// A header and at most `rows` lines, evenly spread, the last point included; "" without points.
std::string FlightTable(const FlightRecord& record, size_t rows = 8);

// The form in which serve sends it to `run`. InvalidArgument for other text.
nlohmann::json FlightRecordToJson(const FlightRecord& record);
absl::StatusOr<FlightRecord> FlightRecordFromJson(const nlohmann::json& json);

// "815.0MB"; 1 MB is 1,048,576 bytes.
std::string Megabytes(uint64_t bytes);

}  // namespace agent_exporter::run

#endif  // AGENT_EXPORTER_RUN_FLIGHT_RECORD_H_
