#include "kernel/children_cpu.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace agent_exporter::kernel {
namespace {

// Zombies of one parent that are remembered: older ones are a leak, seldom waited for, and each is asked for
// at every look.
constexpr size_t kMostZombies = 64;

// Deals `rise` out to the modes: first to what lags behind its ticks, the rest as the ticks are.
void Tell(double rise, const CpuTimes& ticks, CpuTimes& told) {
  if (rise <= 0) return;
  const auto lag = [](int64_t ticks_ns, int64_t told_ns) {
    return static_cast<double>(std::max<int64_t>(ticks_ns - told_ns, 0));
  };
  const double user_lag = lag(ticks.user_ns, told.user_ns);
  const double all_lag = user_lag + lag(ticks.system_ns, told.system_ns);
  const double all = static_cast<double>(ticks.total_ns());
  const double share = all > 0 ? static_cast<double>(ticks.user_ns) / all : 0.5;
  const double user = all_lag >= rise ? rise * user_lag / all_lag : user_lag + (rise - all_lag) * share;
  told.user_ns += std::llround(user);
  told.system_ns += std::llround(rise - user);
}

}  // namespace

// `ticks_variance_`: that of two roundings to a tick.
ChildrenCpu::ChildrenCpu(int64_t tick_ns, std::function<bool(pid_t)> exists)
    : tick_(static_cast<double>(tick_ns)), ticks_variance_(tick_ * tick_ / 6), exists_(std::move(exists)) {}

void ChildrenCpu::Ended(pid_t parent, bool from_birth, const EndedChild& child) {
  EndedChild ended = child;
  if (const auto own = Close(child.pid)) {
    ended.used_ns += own->estimate;
    ended.doubt_ns = std::sqrt(ended.doubt_ns * ended.doubt_ns + own->variance);
  }
  const auto [at, inserted] = accounts_.try_emplace(parent);
  if (inserted) at->second.based = from_birth;
  at->second.zombies.push_back(ended);
}

std::optional<CpuTimes> ChildrenCpu::TakeAll(pid_t pid) {
  std::optional<Account> account = Close(pid);
  if (!account || !account->based) return std::nullopt;
  Tell(account->estimate - static_cast<double>(account->told.total_ns()), account->told, account->told);
  return account->told;
}

std::optional<ChildrenCpu::Account> ChildrenCpu::Close(pid_t pid) {
  auto node = accounts_.extract(pid);
  if (node.empty()) return std::nullopt;
  TakeWaitedFor(node.mapped());
  return std::move(node.mapped());
}

void ChildrenCpu::TakeWaitedFor(Account& account) const {
  std::erase_if(account.zombies, [&](const EndedChild& child) {
    if (exists_(child.pid)) return false;
    account.estimate += child.used_ns;
    account.moved += child.used_ns;
    account.variance += child.doubt_ns * child.doubt_ns;
    return true;
  });
}

void ChildrenCpu::BeforeTicks() {
  for (auto& [parent, account] : accounts_) {
    TakeWaitedFor(account);
    if (account.zombies.size() > kMostZombies) {
      account.zombies.erase(account.zombies.begin(), account.zombies.end() - kMostZombies);
    }
  }
}

std::vector<pid_t> ChildrenCpu::Due() const {
  std::vector<pid_t> due;
  for (const auto& [parent, account] : accounts_) {
    if (!account.based || account.moved >= tick_) due.push_back(parent);
  }
  return due;
}

CpuTimes ChildrenCpu::Middle(const CpuTimes& ticks) const {
  if (ticks.total_ns() == 0) return ticks;  // most processes never waited for any
  const auto half = static_cast<int64_t>(tick_ / 2);
  return {ticks.user_ns + half, ticks.system_ns + half};
}

CpuTimes ChildrenCpu::Refine(pid_t pid, const CpuTimes& ticks, bool unsettled) {
  const auto found = accounts_.find(pid);
  if (found == accounts_.end()) return unsettled ? ticks : Middle(ticks);
  Account& account = found->second;
  const auto least = static_cast<double>(ticks.total_ns());
  if (!account.based) {
    account.based = true;
    account.told = Middle(ticks);
    account.estimate = static_cast<double>(account.told.total_ns());
    account.variance = ticks_variance_;
    account.moved = 0;
    return account.told;
  }
  unsettled |= std::any_of(account.zombies.begin(), account.zombies.end(),
                           [this](const EndedChild& child) { return !exists_(child.pid); });
  if (!unsettled) Weigh(least, account);
  const double now = std::clamp(account.estimate, least, least + 2 * tick_);
  Tell(now - static_cast<double>(account.told.total_ns()), ticks, account.told);
  return account.told;
}

void ChildrenCpu::Weigh(double least, Account& account) const {
  if (account.moved >= tick_) {  // the same ticks seen twice say nothing new
    const double gain = account.variance / (account.variance + ticks_variance_);
    account.estimate += gain * (least + tick_ - account.estimate);
    account.variance *= 1 - gain;
    account.moved = 0;
  }
  const double off = std::clamp(account.estimate, least, least + 2 * tick_) - account.estimate;
  account.estimate += off;
  account.variance = std::max(account.variance, std::min(off * off, ticks_variance_));
}

}  // namespace agent_exporter::kernel
