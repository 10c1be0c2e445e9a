#include "agents/minima_ladder.h"

#include <algorithm>

namespace agent_exporter::agents {
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

}  // namespace agent_exporter::agents
