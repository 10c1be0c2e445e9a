#include "leaks/rise.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "absl/container/inlined_vector.h"
#include "leaks/theil_sen.h"

namespace agent_exporter::leaks {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// Tuned on the training seeds of bench/detection; docs/detection.md has the results on other seeds.
struct Strictness {
  double kendall;     // at least: (rising - falling pairs) / pairs
  double drawdown;    // at most, of the rise
  double step;        // at most, of the rise
  double late_slope;  // at least, of the slope
  double unrest;      // at most, of the rise: how much the figure changes within a bucket
};
constexpr Strictness kLong = {
    .kendall = 0.85, .drawdown = 0.15, .step = 0.35, .late_slope = 0.6, .unrest = 2};
// Builds and jobs also grow within minutes, so the test of short rises is stricter.
constexpr Strictness kShort = {
    .kendall = 0.9, .drawdown = 0.1, .step = 0.4, .late_slope = 0.75, .unrest = 0.4};
constexpr double kSmooth = 0.12;         // of the rise: unrest beyond the slope itself
constexpr double kAccelerating = 1.2;    // late slope divided by slope
constexpr double kMinNews = 0.5;         // of the rise, above the highest earlier floor
constexpr double kMinNewsOfRange = 0.8;  // of the earlier range of the floor

constexpr int kFloors = 5;
constexpr double kMinShare = 0.08, kMaxShare = 0.42;  // of the climb, in each of the four steps
constexpr double kMinNewerHalf = 0.41;                // of the climb

struct Shape {
  double kendall = 0;
  double drawdown = 0;
  double step = 0;
};

using Minima = absl::InlinedVector<Point, MinimaLadder::kBuckets>;

// `minima` are in order of time.
Shape ShapeOf(const Minima& minima) {
  Shape shape;
  int rising = 0, pairs = 0;
  for (size_t i = 0; i < minima.size(); ++i) {
    for (size_t j = i + 1; j < minima.size(); ++j) {
      ++pairs;
      rising += (minima[j].y > minima[i].y) - (minima[j].y < minima[i].y);
      shape.drawdown = std::max(shape.drawdown, minima[i].y - minima[j].y);
    }
    if (i > 0) shape.step = std::max(shape.step, minima[i].y - minima[i - 1].y);
  }
  shape.kendall = pairs == 0 ? 0 : static_cast<double>(rising) / pairs;
  return shape;
}

struct Before {
  double low = kNone, high = kNone, max = kNone;  // NaN if there was no earlier time
};

// The range of the floor before the last `buckets` of a level, and the highest value then. Floors at or above
// `ceiling` do not count.
Before RangeBefore(const MinimaLadder& ladder, int level, int buckets, double ceiling) {
  Before before;
  const auto add = [&](const MinimaLadder::Bucket& bucket, double high) {
    before.low = std::fmin(before.low, bucket.min);
    before.max = std::fmax(before.max, bucket.max);
    if (!(high >= ceiling)) before.high = std::fmax(before.high, high);
  };
  for (int age = buckets; age < MinimaLadder::kBuckets; ++age) {
    const MinimaLadder::Bucket bucket = ladder.At(level, age);
    add(bucket, bucket.min);
  }
  const double window = buckets * MinimaLadder::WidthSeconds(level);
  for (int wide = level + 1; wide < MinimaLadder::kLevels; ++wide) {
    const double width = MinimaLadder::WidthSeconds(wide);
    const int first = static_cast<int>(std::ceil(window / width));
    // Buckets of twice the width cover the same time again, except for the older half.
    for (int age = wide == level + 1 ? first : std::max(first, MinimaLadder::kBuckets / 2 - 1);
         age < MinimaLadder::kBuckets; ++age) {
      const MinimaLadder::Bucket bucket = ladder.At(wide, age);
      add(bucket, bucket.high);
    }
  }
  return before;
}

double EndOf(const MinimaLadder& ladder, int level) {
  const double width = MinimaLadder::WidthSeconds(level);
  return std::floor(ladder.last_seconds() / width) * width;
}

}  // namespace

double Rise::reach(double limit) const {
  if (span >= kShortSeconds) return left(limit) / span;
  return limit > peak ? (limit - peak) / (peak - start) : 0;
}

std::optional<Rise> FindRise(const MinimaLadder& ladder, int level, int buckets, double least) {
  const double width = MinimaLadder::WidthSeconds(level);
  const double end = EndOf(ladder, level);
  if (end - buckets * width < ladder.first_seconds()) return std::nullopt;
  // Most figures do not rise at all.
  const MinimaLadder::Bucket newest = ladder.At(level, 0), oldest = ladder.At(level, buckets - 1);
  if (!newest.empty() && !oldest.empty() && newest.min - oldest.min < least / 2) return std::nullopt;

  Minima minima;
  absl::InlinedVector<double, MinimaLadder::kBuckets> ranges;
  Rise found;
  for (int age = buckets - 1; age >= 0; --age) {
    const MinimaLadder::Bucket bucket = ladder.At(level, age);
    if (bucket.empty()) continue;
    minima.push_back({end - (age + 0.5) * width, bucket.min});
    ranges.push_back(bucket.max - bucket.min);
    if (age < 2) found.peak = std::max(found.peak, static_cast<double>(bucket.max));
  }
  if (minima.size() < static_cast<size_t>(std::max(5, buckets * 3 / 4))) return std::nullopt;
  found.since = minima.front().x;
  found.span = minima.back().x - minima.front().x;
  found.floor = minima.back().y;
  found.start = minima.front().y;
  found.peak = std::max(found.peak, found.floor);
  const double slope = TheilSenSlope(minima).value_or(0);
  found.rise = slope * found.span;
  if (slope <= 0 || found.rise < least) return std::nullopt;

  const Strictness& strict = found.span < kShortSeconds ? kShort : kLong;
  const Shape shape = ShapeOf(minima);
  if (shape.kendall < strict.kendall || shape.drawdown > strict.drawdown * found.rise ||
      shape.step > strict.step * found.rise) {
    return std::nullopt;
  }
  std::nth_element(ranges.begin(), ranges.begin() + static_cast<std::ptrdiff_t>(ranges.size() / 2),
                   ranges.end());
  if (ranges[ranges.size() / 2] > strict.unrest * found.rise) return std::nullopt;
  const auto most = ranges.begin() + static_cast<std::ptrdiff_t>(ranges.size() * 3 / 4);
  std::nth_element(ranges.begin(), most, ranges.end());
  found.smooth = *most - slope * width <= kSmooth * found.rise;
  const double late = TheilSenSlope(absl::MakeConstSpan(minima).subspan(minima.size() / 2)).value_or(0);
  if (late < strict.late_slope * slope) return std::nullopt;
  found.slope = found.span >= kQuickSeconds && late > kAccelerating * slope ? late : std::min(slope, late);

  const Before before = RangeBefore(ladder, level, buckets, std::numeric_limits<double>::infinity());
  // A short rise counts only above the highest earlier value, because bursts leave no floor in wide buckets.
  const double news = found.floor - (found.span < kShortSeconds ? before.max : before.high);
  if (news < kMinNews * found.rise || news < kMinNewsOfRange * (before.high - before.low)) {
    return std::nullopt;
  }
  return found;
}

std::optional<Rise> FindClimb(const MinimaLadder& ladder, int level, int buckets_per_floor, double least,
                              double normal_ceiling) {
  const double width = MinimaLadder::WidthSeconds(level);
  const double end = EndOf(ladder, level);
  const int buckets = kFloors * buckets_per_floor;
  // A young figure may still be warming up.
  if (end - buckets * width * 1.25 < ladder.first_seconds()) return std::nullopt;
  std::array<double, kFloors> floors;  // oldest first
  floors.fill(kNone);
  Rise found;
  for (int age = 0; age < buckets; ++age) {
    const MinimaLadder::Bucket bucket = ladder.At(level, age);
    double& floor = floors[static_cast<size_t>(kFloors - 1 - age / buckets_per_floor)];
    floor = std::fmin(floor, bucket.min);
    if (age < buckets_per_floor) found.peak = std::fmax(found.peak, bucket.max);
  }
  const double climb = floors[4] - floors[0];
  if (!(climb >= least)) return std::nullopt;
  for (size_t i = 1; i < kFloors; ++i) {
    const double share = (floors[i] - floors[i - 1]) / climb;
    if (!(share >= kMinShare && share <= kMaxShare)) return std::nullopt;
  }
  if (floors[4] - floors[2] < kMinNewerHalf * climb) return std::nullopt;
  const Before before = RangeBefore(ladder, level, buckets, normal_ceiling);
  if (floors[2] <= before.high) return std::nullopt;
  const double window = buckets_per_floor * width;
  found.span = kFloors * window;
  found.since = end - found.span;
  found.floor = floors[4];
  found.start = floors[0];
  found.rise = climb;
  found.slope = (floors[4] - floors[2]) / (2 * window);
  return found;
}

}  // namespace agent_exporter::leaks
