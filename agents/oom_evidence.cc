#include "agents/oom_evidence.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace agent_exporter::agents {
namespace {

constexpr double kKillRereadSeconds = 60;
constexpr double kForgetSeconds = 300;
constexpr size_t kReadings = 16;

}  // namespace

void OomEvidence::RecordAlive(const kernel::ProcessKey& key, std::shared_ptr<const std::string> membership,
                              double now) {
  auto [at, inserted] = roots_.try_emplace(key);
  Root& root = at->second;
  root.seen_at = now;
  root.host_kills = readings_.empty() ? std::nullopt : readings_.back().host_kills;
  if (membership == nullptr) return;
  const bool moved = root.membership == nullptr || *root.membership != *membership;
  if (!inserted && !moved && now - root.read_at < kKillRereadSeconds) return;
  root.membership = std::move(membership);
  root.kills = cgroups_.OomKills(*root.membership);
  root.read_at = now;
}

OomFinding OomEvidence::Classify(const kernel::ProcessKey& key, double started,
                                 std::optional<uint64_t> host_kills) {
  std::optional<uint64_t> before;
  if (const auto found = roots_.find(key); found != roots_.end()) {
    const Root root = std::move(found->second);
    roots_.erase(found);
    const auto now = root.kills ? cgroups_.OomKills(*root.membership) : std::nullopt;
    if (now && now->path == root.kills->path && now->count > root.kills->count) {
      return {OomVerdict::kConfirmed, absl::StrCat("oom_kill of memory cgroup ", now->path, " rose from ",
                                                   root.kills->count, " to ", now->count)};
    }
    before = root.host_kills;
  } else {
    for (const Reading& reading : readings_) {
      if (reading.at <= started) before = reading.host_kills;
    }
  }
  if (!before || !host_kills) return {};
  if (*host_kills == *before) {
    return {OomVerdict::kDenied, "the kernel counted no OOM kill on this host meanwhile"};
  }
  // The process may have moved to another cgroup since.
  return {OomVerdict::kUnclear, absl::StrCat("the kernel counted ", *host_kills - *before,
                                             " OOM kills on this host meanwhile, none in its known cgroup")};
}

void OomEvidence::EndLook(std::optional<uint64_t> host_kills, double now) {
  readings_.push_back({now, host_kills});
  if (readings_.size() > kReadings) readings_.pop_front();
  absl::erase_if(roots_, [now](const auto& entry) { return now - entry.second.seen_at > kForgetSeconds; });
}

}  // namespace agent_exporter::agents
