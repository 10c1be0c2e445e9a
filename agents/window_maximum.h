// The maximum of the last 60 s, so that a scrape still shows a spike since the previous one.
//
// Thread safety: none; the sampler's thread owns it.

#ifndef AGENT_EXPORTER_AGENTS_WINDOW_MAXIMUM_H_
#define AGENT_EXPORTER_AGENTS_WINDOW_MAXIMUM_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

namespace agent_exporter::agents {

class WindowMaximum {
 public:
  static constexpr double kSeconds = 60;

  // `now`: monotonic seconds, never falling. An empty value (not readable) is ignored.
  void Add(double now, std::optional<uint64_t> value) {
    while (!candidates_.empty() && now - candidates_.front().first > kSeconds) candidates_.pop_front();
    if (!value) return;
    while (!candidates_.empty() && candidates_.back().second <= *value) candidates_.pop_back();
    candidates_.emplace_back(now, *value);
  }

  // Empty if the window has no value.
  std::optional<uint64_t> Get() const {
    return candidates_.empty() ? std::nullopt : std::optional<uint64_t>(candidates_.front().second);
  }

 private:
  // Sorted by rising time and falling value: an older, smaller value can never be the maximum again.
  std::deque<std::pair<double, uint64_t>> candidates_;
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_WINDOW_MAXIMUM_H_
