#include "leaks/command_growth.h"

#include <algorithm>
#include <utility>

namespace agent_exporter::leaks {
namespace {

constexpr double kKeptSeconds = 2 * 86400;
constexpr double kEverySeconds = 10;

}  // namespace

void CommandGrowth::Add(double now, const agents::AgentSample& agent) {
  if (!records_.empty() && now - records_.back().time < kEverySeconds) return;
  Record record{.time = now};
  for (const agents::ProcessSample& process : agent.processes) {
    if (process.state == 'Z') continue;
    if (!process.usage.resident_bytes) return;  // it would look like growth when it can be read again
    record.resident_bytes[process.command] += *process.usage.resident_bytes;
  }
  records_.push_back(std::move(record));
  // A record is not needed if its neighbours are close together for their age.
  for (size_t i = 1; i + 1 < records_.size();) {
    const double gap = records_[i + 1].time - records_[i - 1].time;
    if (gap < (now - records_[i + 1].time) / 2) {
      records_.erase(records_.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
  std::erase_if(records_, [now](const Record& known) { return now - known.time > kKeptSeconds; });
}

std::optional<agents::GrownCommand> CommandGrowth::Most(double seconds) const {
  if (records_.empty()) return std::nullopt;
  const Record& last = records_.back();
  const auto after = std::find_if(records_.begin(), records_.end(),
                                  [&](const Record& record) { return record.time > last.time - seconds; });
  if (after == records_.begin()) return std::nullopt;
  const Record& then = *std::prev(after);
  std::optional<agents::GrownCommand> most;
  for (const auto& [command, bytes] : last.resident_bytes) {
    const auto before = then.resident_bytes.find(command);
    const uint64_t was = before == then.resident_bytes.end() ? 0 : before->second;
    if (bytes > was && (!most || bytes - was > most->bytes)) most = {command, bytes - was};
  }
  return most;
}

}  // namespace agent_exporter::leaks
