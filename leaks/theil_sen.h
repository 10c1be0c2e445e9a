// The Theil–Sen estimator: the median of the slopes between all pairs of points. It shows the trend even if
// up to 29 % of the points are outliers (https://en.wikipedia.org/wiki/Theil–Sen_estimator).
//
// Thread safety: a free function.

#ifndef AGENT_EXPORTER_LEAKS_THEIL_SEN_H_
#define AGENT_EXPORTER_LEAKS_THEIL_SEN_H_

#include <optional>

#include "absl/types/span.h"

namespace agent_exporter::leaks {

struct Point {
  double x = 0;
  double y = 0;
};

// Units of y per unit of x. Points with the same x are not paired; empty if all points have the same x.
std::optional<double> TheilSenSlope(absl::Span<const Point> points);

}  // namespace agent_exporter::leaks

#endif  // AGENT_EXPORTER_LEAKS_THEIL_SEN_H_
