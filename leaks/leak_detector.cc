#include "leaks/leak_detector.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "agents/resource_names.h"
#include "leaks/theil_sen.h"

namespace agent_exporter::leaks {
namespace {

// Found on the development seeds of bench/detection; docs/detection.md says what they give on others.
constexpr std::array<int, 4> kWindows = {6, 8, 12, 16};

struct Strictness {
  double kendall;     // at least: (rising - falling pairs) / pairs
  double drawdown;    // at most, of the rise
  double step;        // at most, of the rise
  double late_slope;  // at least, of the slope
  double unrest;      // at most, of the rise: what the figure moves within a bucket
  double horizon;     // at most, in spans, where there was a life before the rise
};
constexpr Strictness kLong = {
    .kendall = 0.85, .drawdown = 0.15, .step = 0.35, .late_slope = 0.6, .unrest = 2, .horizon = 2.2};
// Builds and jobs, too, take what they need within minutes: there the test is harder.
constexpr double kShortSeconds = 7000;
constexpr Strictness kShort = {
    .kendall = 0.9, .drawdown = 0.1, .step = 0.4, .late_slope = 0.75, .unrest = 0.4, .horizon = 1.2};
constexpr double kVeryShortSeconds = 1740;
constexpr Strictness kVeryShort = {
    .kendall = 0.9, .drawdown = 0.1, .step = 0.4, .late_slope = 0.75, .unrest = 0.4, .horizon = 0.6};
constexpr double kHorizonYoung = 1.3;    // where there was none: it may be a warm-up
constexpr double kHorizonRelapse = 2.2;  // unless the life before ended in a leak
// What lasts from two hours to most of a day may be a morning, to who has not seen the day before.
constexpr double kDaySeconds = 86400;
constexpr double kLongestMorningSeconds = 60000;
constexpr double kHorizonMorning = 1.1;
constexpr double kMinNews = 0.5;         // of the rise, above the highest floor before
constexpr double kMinNewsOfRange = 0.8;  // of what the floor moved before
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

bool LeakDetector::LimitChanged(double now, const agents::ResourceUse& use) {
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

void LeakDetector::Add(double now, const agents::ResourceUse& use) {
  if (LimitChanged(now, use)) return;
  const int completed = ladder_.Add(now, static_cast<double>(use.used));
  for (int level = 0; level < completed; ++level) verdicts_[static_cast<size_t>(level)] = Judge(level, now);
  // What was held back is given back: the floor was none.
  for (Verdict& verdict : verdicts_) {
    if (static_cast<double>(use.used) < verdict.floor - verdict.rise / 2) verdict = Verdict();
  }
}

agents::LeakEvidence LeakDetector::Evidence() const {
  agents::LeakEvidence evidence{.scope = scope_, .resource = resource_};
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

void LeakDetector::Save(base::ByteWriter& out) const {
  for (const char* name : {Name(scope_), Name(resource_), Name(source_)}) out.Text(name);
  out.U64(limit_);
  out.F64(other_limit_since_);
  out.U8(leaked_before_ ? 1 : 0);
  for (const Verdict& verdict : verdicts_) {
    for (const double figure : {verdict.slope, verdict.hits_at, verdict.since, verdict.floor, verdict.rise}) {
      out.F64(figure);
    }
  }
  ladder_.Save(out);
}

std::optional<LeakDetector> LeakDetector::Load(base::ByteReader& in) {
  const auto named = [&in](const auto& all) {
    const std::string text = in.Text();
    const auto found = std::find_if(all.begin(), all.end(), [&](auto value) { return text == Name(value); });
    return found == all.end() ? std::nullopt : std::optional(*found);
  };
  const auto scope = named(agents::kScopes);
  const auto resource = named(agents::kResources);
  const auto source = named(agents::kSources);
  if (!scope || !resource || !source) return std::nullopt;
  LeakDetector detector(*scope, *resource);
  detector.source_ = *source;
  detector.limit_ = in.U64();
  detector.other_limit_since_ = in.F64();
  detector.leaked_before_ = in.U8() != 0;
  for (Verdict& verdict : detector.verdicts_) {
    for (double* figure : {&verdict.slope, &verdict.hits_at, &verdict.since, &verdict.floor, &verdict.rise}) {
      *figure = in.F64();
    }
  }
  if (!detector.ladder_.Load(in)) return std::nullopt;
  return detector;
}

LeakDetector LeakDetector::NextLife() const {
  LeakDetector next(scope_, resource_);
  next.leaked_before_ =
      ladder_.first_seconds() < 0 ? leaked_before_ : std::isfinite(Evidence().seconds_to_limit);
  return next;
}

// The longest window that tells wins: its slope is the surest.
LeakDetector::Verdict LeakDetector::Judge(int level, double now) const {
  for (size_t i = kWindows.size(); i-- > (level == 0 ? 1 : 0);) {
    const Verdict verdict = JudgeWindow(level, kWindows[i], now);
    if (verdict.slope > 0) return verdict;
  }
  return {};
}

// Between what the floor was before the last `buckets` of a level.
LeakDetector::Range LeakDetector::RangeBefore(int level, int buckets) const {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  Range range{kNone, kNone};
  const auto add = [&range](const MinimaLadder::Bucket& bucket) {
    range.low = std::fmin(range.low, bucket.min);
    range.high = std::fmax(range.high, bucket.high);
  };
  for (int age = buckets; age < MinimaLadder::kBuckets; ++age) {
    const MinimaLadder::Bucket& bucket = ladder_.At(level, age);
    range.low = std::fmin(range.low, bucket.min);
    range.high = std::fmax(range.high, bucket.min);
  }
  const double window = buckets * MinimaLadder::WidthSeconds(level);
  for (int wide = level + 1; wide < MinimaLadder::kLevels; ++wide) {
    const double width = MinimaLadder::WidthSeconds(wide);
    for (int age = static_cast<int>(std::ceil(window / width)); age < MinimaLadder::kBuckets; ++age) {
      add(ladder_.At(wide, age));
    }
  }
  return range;
}

// Less than this is no rise, whatever its shape.
double LeakDetector::LeastRise() const {
  const double units = resource_ == agents::ResourceUse::Resource::kMemory ? 8.0 * 1024 * 1024 : 8;
  return std::max(units, kMinRiseOfLimit * static_cast<double>(limit_));
}

LeakDetector::Verdict LeakDetector::JudgeWindow(int level, int buckets, double now) const {
  const double width = MinimaLadder::WidthSeconds(level);
  const double end = std::floor(now / width) * width;
  const double start = end - buckets * width;
  if (start < ladder_.first_seconds()) return {};
  std::vector<Point> minima;
  std::vector<float> ranges;
  double peak = 0;
  for (int age = buckets - 1; age >= 0; --age) {
    const MinimaLadder::Bucket& bucket = ladder_.At(level, age);
    if (bucket.empty()) continue;
    minima.push_back({end - (age + 0.5) * width, bucket.min});
    ranges.push_back(bucket.max - bucket.min);
    if (age < 2) peak = std::max(peak, static_cast<double>(bucket.max));
  }
  if (minima.size() < static_cast<size_t>(std::max(5, buckets * 3 / 4))) return {};
  const absl::Span<const Point> all(minima);
  const double span = minima.back().x - minima.front().x;
  const double slope = TheilSenSlope(all).value_or(0);
  const double rise = slope * span;
  if (slope <= 0 || rise < LeastRise()) return {};

  const Strictness& strict = span < kVeryShortSeconds ? kVeryShort : span < kShortSeconds ? kShort : kLong;
  const Shape shape = ShapeOf(all);
  if (shape.kendall < strict.kendall || shape.drawdown > strict.drawdown * rise ||
      shape.step > strict.step * rise) {
    return {};
  }
  std::nth_element(ranges.begin(), ranges.begin() + static_cast<std::ptrdiff_t>(ranges.size() / 2),
                   ranges.end());
  if (ranges[ranges.size() / 2] > strict.unrest * rise) return {};
  const double late = TheilSenSlope(all.subspan(minima.size() / 2)).value_or(0);
  if (late < strict.late_slope * slope) return {};

  const Range before = RangeBefore(level, buckets);
  const double life = start - ladder_.first_seconds();
  const bool morning = span >= kShortSeconds && span < kLongestMorningSeconds && life < kDaySeconds;
  const double horizon = life < span && leaked_before_ ? kHorizonRelapse
                         : morning                     ? kHorizonMorning
                         : life >= span                ? strict.horizon
                                                       : std::min(strict.horizon, kHorizonYoung);
  const double news = minima.back().y - before.high;
  if (news < kMinNews * rise || news < kMinNewsOfRange * (before.high - before.low)) return {};
  const double left = (static_cast<double>(limit_) - std::max(peak, minima.back().y)) / std::min(slope, late);
  if (left > horizon * span) return {};
  return {.slope = slope,
          .hits_at = now + std::max(0.0, left),
          .since = minima.front().x,
          .floor = minima.back().y,
          .rise = rise};
}

}  // namespace agent_exporter::leaks
