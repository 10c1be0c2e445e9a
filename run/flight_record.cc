#include "run/flight_record.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "absl/strings/str_format.h"
#include "leaks/theil_sen.h"

namespace agent_exporter::run {
namespace {

// The cost of a slope grows with the square of the points, and more points add nothing.
constexpr size_t kSlopePoints = 60;

std::optional<double> AsDouble(std::optional<uint64_t> value) {
  return value ? std::optional<double>(static_cast<double>(*value)) : std::nullopt;
}

// `count` indices below `size`, evenly spread, the last one among them.
std::vector<size_t> Spread(size_t size, size_t count) {
  std::vector<size_t> indices;
  count = std::min(size, count);
  indices.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    indices.push_back(count == 1 ? size - 1 : i * (size - 1) / (count - 1));
  }
  return indices;
}

std::string Cell(std::optional<uint64_t> value, bool bytes) {
  if (!value) return "-";
  return bytes ? Megabytes(*value) : absl::StrFormat("%d", *value);
}

std::string Cell(std::optional<double> value) { return value ? absl::StrFormat("%.2f", *value) : "-"; }

}  // namespace

std::optional<Growth> GrowthOf(const std::vector<FlightPoint>& points,
                               std::optional<double> (*figure)(const FlightPoint&)) {
  std::vector<leaks::Point> known;
  for (const size_t i : Spread(points.size(), kSlopePoints)) {
    if (const auto value = figure(points[i])) known.push_back({-points[i].seconds, *value});
  }
  if (known.size() < 3) return std::nullopt;
  const std::optional<double> slope = leaks::TheilSenSlope(known);
  if (!slope) return std::nullopt;
  return Growth{*slope * 60, known.back().x - known.front().x};
}

const std::vector<FlightFigure>& FlightFigures() {
  static const std::vector<FlightFigure> kFigures = {
      {"resident_bytes", true, [](const FlightPoint& p) { return AsDouble(p.resident_bytes); }},
      {"tree_resident_bytes", true, [](const FlightPoint& p) { return AsDouble(p.tree_resident_bytes); }},
      {"open_fds", false, [](const FlightPoint& p) { return AsDouble(p.open_fds); }},
      {"tree_open_fds", false, [](const FlightPoint& p) { return AsDouble(p.tree_open_fds); }},
      {"descendants", false, [](const FlightPoint& p) { return AsDouble(p.descendants); }},
  };
  return kFigures;
}

std::string FlightTable(const FlightRecord& record, size_t rows) {
  if (record.points.empty()) return "";
  std::string table = absl::StrFormat("%10s %10s %10s %6s %8s %9s %6s\n", "before end", "RSS", "tree RSS",
                                      "fds", "tree fds", "children", "CPU");
  for (const size_t i : Spread(record.points.size(), rows)) {
    const FlightPoint& point = record.points[i];
    table +=
        absl::StrFormat("%9.1fs %10s %10s %6s %8s %9d %6s\n", point.seconds, Cell(point.resident_bytes, true),
                        Cell(point.tree_resident_bytes, true), Cell(point.open_fds, false),
                        Cell(point.tree_open_fds, false), point.descendants, Cell(point.cpu_ratio));
  }
  return table;
}

std::string Megabytes(uint64_t bytes) {
  return absl::StrFormat("%.1fMB", static_cast<double>(bytes) / (1024.0 * 1024.0));
}

}  // namespace agent_exporter::run
