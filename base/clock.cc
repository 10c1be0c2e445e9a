#include "base/clock.h"

#include <ctime>

namespace agent_exporter::base {
namespace {

double Seconds(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace

ClockReading SystemClock() {
  return {Seconds(CLOCK_REALTIME), Seconds(CLOCK_MONOTONIC), Seconds(CLOCK_BOOTTIME)};
}

}  // namespace agent_exporter::base
