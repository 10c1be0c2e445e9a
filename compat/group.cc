#include "compat/group.h"

#include <algorithm>

namespace agent_exporter::compat {
namespace {

void Rise(uint64_t now, uint64_t before, uint64_t* total) { *total += now > before ? now - before : 0; }
void Rise(int64_t now, int64_t before, int64_t* total) { *total += std::max<int64_t>(now - before, 0); }
void Rise(std::optional<uint64_t> now, std::optional<uint64_t> before, std::optional<uint64_t>* total) {
  if (!now) return;
  // Readable for the first time: we do not know since when it grew, so the past does not count.
  *total = total->value_or(0) + (before && *now > *before ? *now - *before : 0);
}

}  // namespace

void Counts::AddRise(const Counts& now, const Counts& before) {
  Rise(now.cpu.user_ns, before.cpu.user_ns, &cpu.user_ns);
  Rise(now.cpu.system_ns, before.cpu.system_ns, &cpu.system_ns);
  Rise(now.minor_faults, before.minor_faults, &minor_faults);
  Rise(now.major_faults, before.major_faults, &major_faults);
  Rise(now.read_bytes, before.read_bytes, &read_bytes);
  Rise(now.write_bytes, before.write_bytes, &write_bytes);
  Rise(now.voluntary_switches, before.voluntary_switches, &voluntary_switches);
  Rise(now.involuntary_switches, before.involuntary_switches, &involuntary_switches);
}

void Group::BeginLook() {
  Group next;
  next.total = total;
  next.empty_since = empty_since;
  *this = next;
}

}  // namespace agent_exporter::compat
