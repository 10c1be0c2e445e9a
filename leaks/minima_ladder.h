// The history of a figure over the last minutes to days in constant memory: buckets that are 10, 20, 40, …
// seconds up to 23 hours wide, the newest 16 of each width.
//
// A leak raises the floor. Garbage collections, pools and finished jobs make a sawtooth, which affects only
// the maxima once a bucket is wider than one tooth. So the minima are the evidence.
//
// Time is CLOCK_BOOTTIME in seconds, so that a ladder can be saved and loaded within one boot. Buckets begin
// at multiples of their width; an empty bucket is NaN. Complete buckets are stored in two bytes per figure,
// with a precision of 0.04 %.
//
// Thread safety: none. About 1.5 KB.

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
  static constexpr int kLevels = 14;
  static constexpr int kBuckets = 16;
  static constexpr double kFinestSeconds = 10;

  struct Bucket {
    float min = std::numeric_limits<float>::quiet_NaN();
    float max = std::numeric_limits<float>::quiet_NaN();
    // The highest floor: maximum of the minima of buckets an eighth as wide (or of the finest ones). It shows
    // how high the floor was, ignoring short bursts.
    float high = std::numeric_limits<float>::quiet_NaN();
    bool empty() const { return std::isnan(min); }
  };

  // `now` must not fall; an older time counts as the newest so far. Returns how many levels, from the finest,
  // completed a bucket.
  int Add(double now, double value);

  static double WidthSeconds(int level) { return kFinestSeconds * static_cast<double>(1 << level); }
  // The complete bucket of a level with this age (0: the newest); NaN if there is none.
  Bucket At(int level, int age) const;
  // Save writes the whole state and Load reads it. If Load returns false the data is invalid; do not use the
  // ladder then.
  void Save(base::ByteWriter& out) const;
  bool Load(base::ByteReader& in);

  double first_seconds() const { return first_; }
  double last_seconds() const { return last_; }

 private:
  struct Packed {  // a stored Bucket
    uint16_t min = kNone, max = kNone, high = kNone;
  };
  static constexpr uint16_t kNone = 0xffff;

  struct Level {
    Bucket filling;
    std::array<Packed, kBuckets> complete;  // bucket i at i % kBuckets
  };

  static uint16_t Pack(float value);
  static float Unpack(uint16_t packed);
  static void Roll(Level& level, int64_t from, int64_t to);

  std::array<Level, kLevels> levels_;
  double first_ = -1;
  double last_ = -1;
  int64_t finest_ = -1;  // index of the finest bucket being filled; level k fills finest_ >> k
};

}  // namespace agent_exporter::leaks

#endif  // AGENT_EXPORTER_LEAKS_MINIMA_LADDER_H_
