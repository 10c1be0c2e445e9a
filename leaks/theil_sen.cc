#include "leaks/theil_sen.h"

#include <algorithm>

#include "absl/container/inlined_vector.h"

namespace agent_exporter::leaks {

std::optional<double> TheilSenSlope(absl::Span<const Point> points) {
  absl::InlinedVector<double, 120> slopes;  // the pairs of 16 points
  slopes.reserve(points.size() * points.size() / 2);
  for (size_t i = 0; i < points.size(); ++i) {
    for (size_t j = i + 1; j < points.size(); ++j) {
      if (points[i].x != points[j].x) {
        slopes.push_back((points[j].y - points[i].y) / (points[j].x - points[i].x));
      }
    }
  }
  if (slopes.empty()) return std::nullopt;
  const auto middle = slopes.begin() + static_cast<std::ptrdiff_t>(slopes.size() / 2);
  std::nth_element(slopes.begin(), middle, slopes.end());
  if (slopes.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(slopes.begin(), middle)) / 2;
}

}  // namespace agent_exporter::leaks
