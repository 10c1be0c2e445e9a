#include "leaks/minima_ladder.h"

#include <algorithm>

namespace agent_exporter::leaks {
namespace {

// A bucket's `high` is computed from the minima this many levels below.
constexpr int kHighBelow = 3;
constexpr float kStepsPerOctave = 1024;

// fmin and fmax ignore NaN.
void Merge(const MinimaLadder::Bucket& part, MinimaLadder::Bucket* whole) {
  whole->min = std::fmin(whole->min, part.min);
  whole->max = std::fmax(whole->max, part.max);
}

}  // namespace

uint16_t MinimaLadder::Pack(float value) {
  if (std::isnan(value)) return kNone;
  const float steps = std::round(std::log2(1 + std::max(0.0f, value)) * kStepsPerOctave);
  return static_cast<uint16_t>(std::min(steps, static_cast<float>(kNone - 1)));
}

float MinimaLadder::Unpack(uint16_t packed) {
  if (packed == kNone) return std::numeric_limits<float>::quiet_NaN();
  return std::exp2(static_cast<float>(packed) / kStepsPerOctave) - 1;
}

MinimaLadder::Bucket MinimaLadder::At(int level, int age) const {
  const int64_t index = (finest_ >> level) - 1 - age;
  if (finest_ < 0 || index < 0 || age >= kBuckets) return {};
  const Packed& packed = levels_[static_cast<size_t>(level)].complete[static_cast<size_t>(index % kBuckets)];
  return {.min = Unpack(packed.min), .max = Unpack(packed.max), .high = Unpack(packed.high)};
}

void MinimaLadder::Save(base::ByteWriter& out) const {
  out.U8(kLevels);
  out.U8(kBuckets);
  out.I64(finest_);
  for (const Level& level : levels_) {
    for (const float figure : {level.filling.min, level.filling.max, level.filling.high}) out.F32(figure);
    for (const Packed& bucket : level.complete) {
      for (const uint16_t figure : {bucket.min, bucket.max, bucket.high}) out.U16(figure);
    }
  }
  out.F64(first_);
  out.F64(last_);
}

bool MinimaLadder::Load(base::ByteReader& in) {
  if (in.U8() != kLevels || in.U8() != kBuckets) return false;
  finest_ = in.I64();
  if (finest_ < -1) return false;
  for (Level& level : levels_) {
    for (float* figure : {&level.filling.min, &level.filling.max, &level.filling.high}) *figure = in.F32();
    for (Packed& bucket : level.complete) {
      for (uint16_t* figure : {&bucket.min, &bucket.max, &bucket.high}) *figure = in.U16();
    }
  }
  first_ = in.F64();
  last_ = in.F64();
  return in.ok();
}

// Moves the current bucket, `from`, to the complete ones and starts bucket `to`.
void MinimaLadder::Roll(Level& level, int64_t from, int64_t to) {
  level.complete[static_cast<size_t>(from % kBuckets)] = {
      .min = Pack(level.filling.min), .max = Pack(level.filling.max), .high = Pack(level.filling.high)};
  // The buckets in between have no values.
  for (int64_t i = std::max(from + 1, to - kBuckets); i < to; ++i) {
    level.complete[static_cast<size_t>(i % kBuckets)] = Packed();
  }
  level.filling = Bucket();
}

int MinimaLadder::Add(double now, double value) {
  if (first_ < 0) first_ = now;
  last_ = now = std::max(now, last_);
  const auto figure = static_cast<float>(value);
  const auto finest = static_cast<int64_t>(now / kFinestSeconds);
  // From narrow to wide: merge a complete bucket into the next level, and its floor into the `high` of the
  // bucket kHighBelow levels up, before these buckets complete.
  int completed = 0;
  for (int number = 0; finest_ >= 0 && number < kLevels; ++number) {
    const int64_t from = finest_ >> number, to = finest >> number;
    if (from == to) break;
    Level& level = levels_[static_cast<size_t>(number)];
    if (number == 0) level.filling.high = level.filling.min;
    const Bucket finished = level.filling;
    Roll(level, from, to);
    ++completed;
    for (int wide = number == 0 ? 1 : number + kHighBelow; wide <= number + kHighBelow && wide < kLevels;
         ++wide) {
      Bucket& filling = levels_[static_cast<size_t>(wide)].filling;
      filling.high = std::fmax(filling.high, finished.min);
    }
    if (number + 1 < kLevels) Merge(finished, &levels_[static_cast<size_t>(number) + 1].filling);
  }
  finest_ = finest;
  Merge({.min = figure, .max = figure}, &levels_[0].filling);
  return completed;
}

}  // namespace agent_exporter::leaks
