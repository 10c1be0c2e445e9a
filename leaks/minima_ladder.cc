#include "leaks/minima_ladder.h"

#include <algorithm>

namespace agent_exporter::leaks {
namespace {

// How many levels below its own a bucket's `high` takes its minima from.
constexpr int kHighBelow = 3;

// fmin and fmax pass over NaN.
void Merge(const MinimaLadder::Bucket& part, MinimaLadder::Bucket* whole) {
  whole->min = std::fmin(whole->min, part.min);
  whole->max = std::fmax(whole->max, part.max);
}

}  // namespace

const MinimaLadder::Bucket& MinimaLadder::At(int level, int age) const {
  static const Bucket kEmpty;
  const Level& at = levels_[static_cast<size_t>(level)];
  const int64_t index = at.index - 1 - age;
  if (index < 0 || age >= kBuckets) return kEmpty;
  return at.complete[static_cast<size_t>(index % kBuckets)];
}

void MinimaLadder::Save(base::ByteWriter& out) const {
  out.U8(kLevels);
  out.U8(kBuckets);
  const auto save = [&out](const Bucket& bucket) {
    for (const float figure : {bucket.min, bucket.max, bucket.high}) out.F32(figure);
  };
  for (const Level& level : levels_) {
    out.I64(level.index);
    save(level.filling);
    for (const Bucket& bucket : level.complete) save(bucket);
  }
  out.F64(first_);
  out.F64(last_);
}

bool MinimaLadder::Load(base::ByteReader& in) {
  if (in.U8() != kLevels || in.U8() != kBuckets) return false;
  const auto load = [&in](Bucket& bucket) {
    for (float* figure : {&bucket.min, &bucket.max, &bucket.high}) *figure = in.F32();
  };
  for (Level& level : levels_) {
    level.index = in.I64();
    if (level.index < -1) return false;
    load(level.filling);
    for (Bucket& bucket : level.complete) load(bucket);
  }
  first_ = in.F64();
  last_ = in.F64();
  return in.ok();
}

// Puts the bucket that was being filled among the complete ones and goes on to `index`.
void MinimaLadder::Roll(Level& level, int64_t index) {
  level.complete[static_cast<size_t>(level.index % kBuckets)] = level.filling;
  // What nobody saw in between.
  for (int64_t i = std::max(level.index + 1, index - kBuckets); i < index; ++i) {
    level.complete[static_cast<size_t>(i % kBuckets)] = Bucket();
  }
  level.filling = Bucket();
  level.index = index;
}

int MinimaLadder::Add(double now, double value) {
  if (first_ < 0) first_ = now;
  last_ = now = std::max(now, last_);
  const auto figure = static_cast<float>(value);
  const auto finest = static_cast<int64_t>(now / kFinestSeconds);
  // Narrow to wide: a bucket that is complete goes to the level above, and its floor to the `high` of the
  // bucket that is kHighBelow levels wider, before those are completed themselves.
  int completed = 0;
  for (int number = 0; number < kLevels; ++number) {
    Level& level = levels_[static_cast<size_t>(number)];
    const int64_t index = finest >> number;
    if (level.index == index) break;
    if (level.index < 0) {
      level.index = index;
      continue;
    }
    if (number == 0) level.filling.high = level.filling.min;
    const Bucket finished = level.filling;
    Roll(level, index);
    ++completed;
    for (int wide = number == 0 ? 1 : number + kHighBelow; wide <= number + kHighBelow && wide < kLevels;
         ++wide) {
      Bucket& filling = levels_[static_cast<size_t>(wide)].filling;
      filling.high = std::fmax(filling.high, finished.min);
    }
    if (number + 1 < kLevels) Merge(finished, &levels_[static_cast<size_t>(number) + 1].filling);
  }
  Merge({.min = figure, .max = figure}, &levels_[0].filling);
  return completed;
}

}  // namespace agent_exporter::leaks
