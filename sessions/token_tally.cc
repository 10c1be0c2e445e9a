#include "sessions/token_tally.h"

#include <algorithm>

#include "base/fnv1a.h"

namespace agent_exporter::sessions {
namespace {

constexpr size_t kMostRecent = 16;
constexpr size_t kMostCounted = 50'000;
constexpr size_t kMostModels = 20;

}  // namespace

void TokenTally::Add(std::string_view id, const std::string& model, const TokenCounts& counts,
                     double written) {
  const uint64_t key = base::Fnv1a(id);
  TokenCounts more = counts;
  if (!id.empty()) {
    const auto recent = std::find_if(recent_.begin(), recent_.end(),
                                     [key](const Recent& message) { return message.id == key; });
    if (recent != recent_.end()) {
      more = counts.Since(recent->counts);
      total_ -= recent->counts;
      recent->counts = counts;
    } else {
      if (counted_.size() >= kMostCounted) counted_.clear();
      if (!counted_.insert(key).second) return;  // a copy
      recent_.push_back({key, counts});
      if (recent_.size() > kMostRecent) recent_.pop_front();
    }
  }
  total_ += counts;
  if (written < count_from_ || more.total() == 0 || counted_before_.contains(key)) return;
  if (fresh_.size() >= kMostModels && fresh_.count(model) == 0) return;
  fresh_[model] += more;
}

void TokenTally::Restart() {
  if (counted_before_.size() >= kMostCounted) counted_before_.clear();
  counted_before_.insert(counted_.begin(), counted_.end());
  counted_.clear();
  recent_.clear();
  total_ = {};
}

}  // namespace agent_exporter::sessions
