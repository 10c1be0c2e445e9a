#include "leaks/leak_detector.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace agent_exporter::leaks {
namespace {

// Tuned on the training seeds of bench/detection; docs/detection.md has the results on other seeds.
constexpr std::array<int, 6> kWindows = {6, 8, 10, 12, 14, 16};
constexpr std::array<int, 2> kBucketsPerFloor = {2, 3};
constexpr double kMinRiseOfLimit = 0.02;
constexpr double kNormalCeiling = 0.85;  // of the limit
constexpr double kNearLimit = 0.8;       // of the limit: an end above it was not planned
constexpr double kAboveEarlier = 1.05;   // times the peak of earlier lives

// A rise of two hours to most of a day may be a normal morning if the day before is unknown.
constexpr double kDaySeconds = 86400;
constexpr double kLongestMorningSeconds = 90000;

// How far away the limit may be, as a multiple of the span.
constexpr double kHorizonQuick = 0.56;
constexpr double kHorizonShort = 1.5, kHorizonShortYoung = 0.9;
constexpr double kHorizonLong = 1.8;
constexpr double kHorizonYoung = 1.1;
constexpr double kHorizonMorning = 0.8;
constexpr double kHorizonRelapse = 2.2;
constexpr double kFurthestHorizon = 4;  // more than each of them, because slopes and ends differ a little
constexpr double kClimbShort = 1.2, kClimbLong = 1.8, kClimbUnknown = 0.6;
// Short rises are mostly builds and bursts, so the shorter the rise, the less may be left for a page.
struct QuickPage {
  double span, reach;
};
constexpr std::array<QuickPage, 3> kPageQuick = {{{250, 0.3}, {450, 0.5}, {kQuickSeconds, 0.56}}};
constexpr double kPageShort = 0.6;
constexpr double kPageSeconds = 8 * 3600;
constexpr double kTicketSeconds = 14 * 86400;

double MostReachOfPage(double span) {
  return std::find_if(kPageQuick.begin(), std::prev(kPageQuick.end()),
                      [span](const QuickPage& page) { return span < page.span; })
      ->reach;
}

uint32_t AsSeconds(double seconds) { return static_cast<uint32_t>(std::clamp(seconds, 1.0, 4e9)); }

}  // namespace

double LeakDetector::LeastRise() const {
  return std::max(static_cast<double>(least_rise_), kMinRiseOfLimit * limit_);
}

void LeakDetector::SetLimit(double limit) {
  if (limit == limit_) return;
  const bool like = limit > limit_ / 2 && limit < limit_ * 2;
  const auto move = [&](Finding& finding) {
    if (finding.slope <= 0) return;
    finding = like ? finding : Finding();
    if (like) finding.hits_at = AsSeconds(finding.hits_at + (limit - limit_) / finding.slope);
  };
  for (Finding& finding : findings_) move(finding);
  move(shown_);
  if (!like) EndVerdict();
  limit_ = limit;
}

void LeakDetector::Add(double now, uint64_t used, uint64_t limit) {
  SetLimit(static_cast<double>(limit));
  const auto figure = static_cast<double>(used);
  last_used_ = static_cast<float>(used);
  const int completed = ladder_.Add(now, figure);
  for (int level = 0; level < completed; ++level)
    findings_[static_cast<size_t>(level)] = FindEvidence(level, now);
  if (any_finding_ || severity_ != Severity::kNone) EndIfFallen(figure);
  if (completed > 0) Decide(now);
}

// The figure fell back, so the rise of the floor was not a leak.
void LeakDetector::EndIfFallen(double used) {
  for (Finding& finding : findings_) {
    if (finding.slope > 0 && used < finding.floor - finding.rise / 2) finding = Finding();
  }
  if (severity_ != Severity::kNone && used < shown_.floor - shown_.rise / 2) EndVerdict();
}

void LeakDetector::EndVerdict() {
  severity_ = Severity::kNone;
  page_until_ = ticket_until_ = -1;
  shown_ = Finding();
}

void LeakDetector::Decide(double now) {
  any_finding_ = false;
  const Finding* nearest = nullptr;
  uint32_t climb_hits_at = 0;
  bool page = false, pageable = false;
  for (const Finding& finding : findings_) {
    if (finding.climb_hits_at != 0 && (climb_hits_at == 0 || finding.climb_hits_at < climb_hits_at)) {
      climb_hits_at = finding.climb_hits_at;
    }
    if (finding.slope <= 0) continue;
    any_finding_ = true;
    page |= finding.page;
    pageable |= finding.pageable;
    if (nearest == nullptr || finding.hits_at < nearest->hits_at) nearest = &finding;
  }
  if (nearest != nullptr) {
    const bool agreed = pageable && climb_hits_at != 0 && climb_hits_at - now < 2 * kPageSeconds &&
                        nearest->hits_at - now < kPageSeconds;
    const Severity found = page || agreed ? Severity::kPage : Severity::kTicket;
    shown_ = *nearest;
    const double keep = std::clamp((now - nearest->since) / 2, 60.0, 12 * 3600.0);
    ticket_until_ = now + keep;
    if (found == Severity::kPage) page_until_ = now + keep;
  }
  severity_ = now < page_until_ ? Severity::kPage : now < ticket_until_ ? Severity::kTicket : Severity::kNone;
}

Judgement LeakDetector::Current() const {
  if (severity_ == Severity::kNone) return {};
  const double now = ladder_.last_seconds();
  return {.severity = severity_,
          .seconds_to_limit = std::max(0.0, shown_.hits_at - now),
          .growth_per_second = shown_.slope,
          .span_seconds = std::max(0.0, now - shown_.since)};
}

double LeakDetector::Horizon(const Rise& rise) const {
  const double life = rise.since - ladder_.first_seconds();
  if (life < rise.span && leaked_before_) return kHorizonRelapse;
  const bool settled = life >= kDaySeconds;
  if (rise.span < kQuickSeconds) return kHorizonQuick;
  if (rise.span < kShortSeconds) return settled ? kHorizonShort : kHorizonShortYoung;
  if (rise.span < kLongestMorningSeconds && !settled) return kHorizonMorning;
  return life >= rise.span ? kHorizonLong : kHorizonYoung;
}

// The longest window with evidence decides, because its slope is the most reliable.
LeakDetector::Finding LeakDetector::FindEvidence(int level, double now) const {
  Finding finding;
  // Most figures have risen far too little for their limit to be within any horizon, so skip the tests.
  const double newest = ladder_.At(level, 0).min;
  const auto may_be_near = [&](int buckets) {
    const double oldest = ladder_.At(level, buckets - 1).min;
    return !(std::max(newest - oldest, LeastRise() / 2) * kFurthestHorizon < limit_ - newest);
  };
  for (size_t i = kWindows.size(); i-- > 0 && finding.slope <= 0;) {
    if (!may_be_near(kWindows[i])) continue;
    const auto rise = FindRise(ladder_, level, kWindows[i], LeastRise());
    if (!rise || rise->floor < kAboveEarlier * earlier_peak_) continue;
    const double left = rise->left(limit_);
    const double reach = rise->reach(limit_);
    if (reach > Horizon(*rise) || left > kTicketSeconds) continue;
    const bool quick = rise->span < kQuickSeconds;
    if (quick && !rise->smooth) continue;
    finding.page = quick && reach <= MostReachOfPage(rise->span);
    finding.pageable = rise->span >= kShortSeconds || (!quick && rise->smooth && reach <= kPageShort);
    finding.slope = static_cast<float>(rise->slope);
    finding.rise = static_cast<float>(rise->rise);
    finding.floor = static_cast<float>(rise->floor);
    finding.hits_at = AsSeconds(now + left);
    finding.since = AsSeconds(rise->since);
  }
  for (const int buckets : kBucketsPerFloor) {
    if (!may_be_near(5 * buckets)) continue;
    const auto climb = FindClimb(ladder_, level, buckets, LeastRise(), kNormalCeiling * limit_);
    if (!climb || climb->floor < kAboveEarlier * earlier_peak_) continue;
    const double known = climb->since - ladder_.first_seconds();
    const double enough =
        climb->span > kShortSeconds && climb->span < kLongestMorningSeconds ? kDaySeconds : climb->span;
    const double reach = known < enough                ? kClimbUnknown
                         : climb->span < kQuickSeconds ? kClimbShort
                                                       : kClimbLong;
    const double left = climb->left(limit_);
    if (climb->reach(limit_) <= reach) finding.climb_hits_at = AsSeconds(now + left);
  }
  return finding;
}

LeakDetector LeakDetector::NextLife() const {
  LeakDetector next(least_rise_);
  if (ladder_.first_seconds() < 0) {
    next.leaked_before_ = leaked_before_;
    next.earlier_peak_ = earlier_peak_;
    return next;
  }
  // An end with evidence near the limit was a leak. Further away it was ended for another reason, such as a
  // nightly restart.
  next.leaked_before_ = severity_ != Severity::kNone && last_used_ > kNearLimit * limit_;
  if (!next.leaked_before_) {
    float peak = earlier_peak_;
    for (int level = 0; level < MinimaLadder::kLevels; ++level) {
      for (int age = 0; age < MinimaLadder::kBuckets; ++age) {
        const float high = ladder_.At(level, age).high;
        if (high < kNormalCeiling * limit_) peak = std::fmax(peak, high);
      }
    }
    next.earlier_peak_ = peak;
  }
  return next;
}

void LeakDetector::Save(base::ByteWriter& out) const {
  const auto save = [&out](const Finding& finding) {
    for (const float figure : {finding.slope, finding.rise, finding.floor}) out.F32(figure);
    for (const uint32_t time : {finding.hits_at, finding.since, finding.climb_hits_at}) out.U32(time);
    out.U8(static_cast<uint8_t>((finding.page ? 1 : 0) + (finding.pageable ? 2 : 0)));
  };
  for (const double figure : {limit_, page_until_, ticket_until_}) out.F64(figure);
  out.F32(least_rise_);
  out.F32(earlier_peak_);
  out.F32(last_used_);
  out.U8(static_cast<uint8_t>(severity_));
  out.U8(leaked_before_ ? 1 : 0);
  save(shown_);
  for (const Finding& finding : findings_) save(finding);
  ladder_.Save(out);
}

bool LeakDetector::Load(base::ByteReader& in) {
  const auto load = [&in](Finding& finding) {
    for (float* figure : {&finding.slope, &finding.rise, &finding.floor}) *figure = in.F32();
    for (uint32_t* time : {&finding.hits_at, &finding.since, &finding.climb_hits_at}) *time = in.U32();
    const uint8_t flags = in.U8();
    finding.page = (flags & 1) != 0;
    finding.pageable = (flags & 2) != 0;
  };
  for (double* figure : {&limit_, &page_until_, &ticket_until_}) *figure = in.F64();
  least_rise_ = in.F32();
  earlier_peak_ = in.F32();
  last_used_ = in.F32();
  const uint8_t severity = in.U8();
  if (severity > static_cast<uint8_t>(Severity::kPage)) return false;
  severity_ = static_cast<Severity>(severity);
  leaked_before_ = in.U8() != 0;
  load(shown_);
  any_finding_ = false;
  for (Finding& finding : findings_) {
    load(finding);
    any_finding_ |= finding.slope > 0;
  }
  return ladder_.Load(in) && in.ok();
}

}  // namespace agent_exporter::leaks
