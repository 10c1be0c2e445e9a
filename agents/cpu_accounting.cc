#include "agents/cpu_accounting.h"

#include <algorithm>

namespace agent_exporter {
namespace {

int64_t SettleMode(int64_t rise, int64_t& fresh, int64_t& stale) {
  rise = std::max<int64_t>(rise, 0);
  const int64_t paid_stale = std::min(rise, stale);
  const int64_t paid_fresh = std::min(rise - paid_stale, fresh);
  stale = fresh - paid_fresh;
  fresh = 0;
  return rise - paid_stale - paid_fresh;
}

}  // namespace

CpuTimes ReapDebt::Settle(const CpuTimes& rise) {
  return {SettleMode(rise.user_ns, fresh_.user_ns, stale_.user_ns),
          SettleMode(rise.system_ns, fresh_.system_ns, stale_.system_ns)};
}

}  // namespace agent_exporter
