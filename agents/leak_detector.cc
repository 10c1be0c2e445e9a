#include "agents/leak_detector.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "absl/types/span.h"
#include "agents/theil_sen.h"

namespace agent_exporter {
namespace {

// Found on the development seeds of bench/detection; docs/detection.md says what they give on others.
constexpr std::array<int, 4> kWindows = {6, 8, 12, 16};
constexpr double kMinKendall = 0.8;       // (rising - falling pairs) / pairs
constexpr double kMaxDrawdown = 0.25;     // of the rise
constexpr double kMaxStep = 0.5;          // of the rise
constexpr double kMinLateSlope = 0.6;     // of the slope
constexpr double kHorizonKnown = 3;       // spans to the limit, where there was a life before the rise
constexpr double kHorizonYoung = 1;       // where there was none: it may be a warm-up
constexpr double kMinNews = 0.3;          // of the rise, above the highest floor before
constexpr double kMinRiseOfLimit = 0.02;

struct Shape {
  double kendall = 0;
  double drawdown = 0;
  double step = 0;
};

// Of minima in order of time.
Shape ShapeOf(absl::Span<const Point> minima) {
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

}  // namespace

bool LeakDetector::LimitChanged(double now, const ResourceUse& use) {
  if (limit_ == 0 || (use.limit == limit_ && use.source == source_)) {
    limit_ = use.limit;
    source_ = use.source;
    other_limit_since_ = -1;
    return false;
  }
  if (other_limit_since_ < 0) other_limit_since_ = now;
  if (now - other_limit_since_ < kLimitSettlesSeconds) return true;
  *this = LeakDetector(scope_, resource_);
  limit_ = use.limit;
  source_ = use.source;
  return false;
}

void LeakDetector::Add(double now, const ResourceUse& use) {
  if (LimitChanged(now, use)) return;
  const int completed = ladder_.Add(now, static_cast<double>(use.used));
  for (int level = 0; level < completed; ++level) verdicts_[static_cast<size_t>(level)] = Judge(level, now);
  // What was held back is given back: the floor was none.
  for (Verdict& verdict : verdicts_) {
    if (static_cast<double>(use.used) < verdict.floor - verdict.rise / 2) verdict = Verdict();
  }
}

LeakEvidence LeakDetector::Evidence() const {
  LeakEvidence evidence{.scope = scope_, .resource = resource_};
  for (const Verdict& verdict : verdicts_) {
    if (verdict.slope <= 0) continue;
    const double left = std::max(0.0, verdict.hits_at - ladder_.last_seconds());
    if (left >= evidence.seconds_to_limit) continue;
    evidence.seconds_to_limit = left;
    evidence.growth_per_second = verdict.slope;
    evidence.evidence_span_seconds = ladder_.last_seconds() - verdict.since;
  }
  return evidence;
}

// The longest window that tells wins: its slope is the surest.
LeakDetector::Verdict LeakDetector::Judge(int level, double now) const {
  for (size_t i = kWindows.size(); i-- > 0;) {
    const Verdict verdict = JudgeWindow(level, kWindows[i], now);
    if (verdict.slope > 0) return verdict;
  }
  return {};
}

// The highest floor before the last `buckets` of a level; NaN when there was no time before.
double LeakDetector::HighestBefore(int level, int buckets) const {
  double high = std::numeric_limits<double>::quiet_NaN();
  for (int age = buckets; age < MinimaLadder::kBuckets; ++age) high = std::fmax(high, ladder_.At(level, age).min);
  const double window = buckets * MinimaLadder::WidthSeconds(level);
  for (int wide = level + 1; wide < MinimaLadder::kLevels; ++wide) {
    const double width = MinimaLadder::WidthSeconds(wide);
    for (int age = static_cast<int>(std::ceil(window / width)); age < MinimaLadder::kBuckets; ++age) {
      high = std::fmax(high, ladder_.At(wide, age).high);
    }
  }
  return high;
}

// Less than this is no rise, whatever its shape.
double LeakDetector::LeastRise() const {
  const double units = resource_ == ResourceUse::Resource::kMemory ? 8.0 * 1024 * 1024 : 8;
  return std::max(units, kMinRiseOfLimit * static_cast<double>(limit_));
}

LeakDetector::Verdict LeakDetector::JudgeWindow(int level, int buckets, double now) const {
  const double width = MinimaLadder::WidthSeconds(level);
  const double end = std::floor(now / width) * width;
  const double start = end - buckets * width;
  if (start < ladder_.first_seconds()) return {};
  std::vector<Point> minima;
  double peak = 0;
  for (int age = buckets - 1; age >= 0; --age) {
    const MinimaLadder::Bucket& bucket = ladder_.At(level, age);
    if (bucket.empty()) continue;
    minima.push_back({end - (age + 0.5) * width, bucket.min});
    if (age < 2) peak = std::max(peak, static_cast<double>(bucket.max));
  }
  if (minima.size() < static_cast<size_t>(std::max(5, buckets * 3 / 4))) return {};
  const absl::Span<const Point> all(minima);
  const double span = minima.back().x - minima.front().x;
  const double slope = TheilSenSlope(all).value_or(0);
  const double rise = slope * span;
  if (slope <= 0 || rise < LeastRise()) return {};

  const Shape shape = ShapeOf(all);
  if (shape.kendall < kMinKendall || shape.drawdown > kMaxDrawdown * rise || shape.step > kMaxStep * rise) return {};
  const double late = TheilSenSlope(all.subspan(minima.size() / 2)).value_or(0);
  if (late < kMinLateSlope * slope) return {};

  const double before = HighestBefore(level, buckets);
  const bool known = start - ladder_.first_seconds() >= span;
  if (!std::isnan(before) && minima.back().y - before < kMinNews * rise) return {};
  const double left = (static_cast<double>(limit_) - std::max(peak, minima.back().y)) / std::min(slope, late);
  if (left > (known ? kHorizonKnown : kHorizonYoung) * span) return {};
  return {.slope = slope,
          .hits_at = now + std::max(0.0, left),
          .since = minima.front().x,
          .floor = minima.back().y,
          .rise = rise};
}

}  // namespace agent_exporter
