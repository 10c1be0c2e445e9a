#include "agents/cpu_accounting.h"

#include <algorithm>

namespace agent_exporter::agents {
namespace {

// By how much a figure in clock ticks can lag behind an exact one, at the usual 100 ticks a second.
constexpr int64_t kTickNanoseconds = 10'000'000;

void PayFrom(int64_t& rise, int64_t& debt) {
  const int64_t paid = std::min(rise, debt);
  rise -= paid;
  debt -= paid;
}

void Age(int64_t& fresh, int64_t& stale) {
  stale = fresh + std::min(stale, kTickNanoseconds);
  fresh = 0;
}

}  // namespace

kernel::CpuTimes ReapDebt::Pay(const kernel::CpuTimes& rise) {
  kernel::CpuTimes left = {std::max<int64_t>(rise.user_ns, 0), std::max<int64_t>(rise.system_ns, 0)};
  PayFrom(left.user_ns, stale_.user_ns);
  PayFrom(left.system_ns, stale_.system_ns);
  PayFrom(left.user_ns, fresh_.user_ns);
  PayFrom(left.system_ns, fresh_.system_ns);
  // The kernel splits a sum into user and system time anew at each read, so time owed in one mode may be paid
  // in the other.
  for (kernel::CpuTimes* debt : {&stale_, &fresh_}) {
    PayFrom(left.user_ns, debt->system_ns);
    PayFrom(left.system_ns, debt->user_ns);
  }
  return left;
}

kernel::CpuTimes ReapDebt::Settle(const kernel::CpuTimes& rise) {
  const kernel::CpuTimes left = Pay(rise);
  Age(fresh_.user_ns, stale_.user_ns);
  Age(fresh_.system_ns, stale_.system_ns);
  return left;
}

}  // namespace agent_exporter::agents
