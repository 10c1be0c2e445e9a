// How often something may happen: so many times a second on average, and so many at once.
//
// Thread safety: none.

#ifndef AGENT_EXPORTER_RUN_TOKEN_BUCKET_H_
#define AGENT_EXPORTER_RUN_TOKEN_BUCKET_H_

#include <algorithm>
#include <chrono>

namespace agent_exporter::run {

class TokenBucket {
 public:
  using Time = std::chrono::steady_clock::time_point;

  TokenBucket(double per_second, double at_once)
      : per_second_(per_second), at_once_(at_once), left_(at_once) {}

  // False if it is too often.
  bool Take(Time now) {
    left_ = std::min(at_once_, left_ + per_second_ * std::chrono::duration<double>(now - last_).count());
    last_ = now;
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }

  // True if it allows as much as a new one.
  bool Full(Time now) const {
    return left_ + per_second_ * std::chrono::duration<double>(now - last_).count() >= at_once_;
  }

 private:
  double per_second_, at_once_, left_;
  Time last_{};
};

}  // namespace agent_exporter::run

#endif  // AGENT_EXPORTER_RUN_TOKEN_BUCKET_H_
