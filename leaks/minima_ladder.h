// What a figure did over the last minutes to days, in constant memory: a ladder of buckets 2, 4, … 512
// minutes wide, the newest 16 of each width.
//
// A leak raises the floor: what garbage collections, pools and finished jobs give back hides in the maxima
// and not in the minima, as soon as a bucket is wider than one tooth. So the minima are what evidence looks
// at.
//
// Time is CLOCK_BOOTTIME in seconds, so that a ladder can be put aside and taken up again within one boot.
// Buckets lie on multiples of their width; one in which nothing was added is NaN.
//
// Thread safety: none. About 1.8 KB.

#ifndef AGENT_EXPORTER_LEAKS_MINIMA_LADDER_H_
#define AGENT_EXPORTER_LEAKS_MINIMA_LADDER_H_

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/bytes.h"

namespace agent_exporter::leaks {

class MinimaLadder {
 public:
  static constexpr int kLevels = 9;
  static constexpr int kBuckets = 16;
  static constexpr double kFinestSeconds = 120;

  struct Bucket {
    float min = std::numeric_limits<float>::quiet_NaN();
    float max = std::numeric_limits<float>::quiet_NaN();
    // The highest floor: maximum of the minima of buckets an eighth as wide (of the finest ones where there
    // are none). Says how high the floor has been before, without short bursts.
    float high = std::numeric_limits<float>::quiet_NaN();
    bool empty() const { return std::isnan(min); }
  };

  // `now` never falls; an older one than before is taken as the newest seen. Returns how many levels, from
  // the finest, have completed a bucket by it.
  int Add(double now, double value);

  static double WidthSeconds(int level) { return kFinestSeconds * static_cast<double>(1 << level); }
  // The complete bucket `age` (0: the newest) of a level; empty when there is none. Age counts from the
  // bucket that is being filled now.
  const Bucket& At(int level, int age) const;
  // All of it, and back. Load is false for what is no such ladder; use the ladder no more then.
  void Save(base::ByteWriter& out) const;
  bool Load(base::ByteReader& in);

  double first_seconds() const { return first_; }
  double last_seconds() const { return last_; }

 private:
  struct Level {
    int64_t index = -1;  // of the bucket being filled
    Bucket filling;
    std::array<Bucket, kBuckets> complete;  // bucket i at i % kBuckets
  };

  static void Roll(Level& level, int64_t index);

  std::array<Level, kLevels> levels_;
  double first_ = -1;
  double last_ = -1;
};

}  // namespace agent_exporter::leaks

#endif  // AGENT_EXPORTER_LEAKS_MINIMA_LADDER_H_
