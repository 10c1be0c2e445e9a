#include "run/flight_recorder.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agents/complete_sum.h"
#include "base/label_value.h"

namespace agent_exporter::run {
namespace {

constexpr double kKeepAfterEndSeconds = 60;

void Raise(std::optional<uint64_t>& peak, std::optional<uint64_t> value) {
  if (value) peak = std::max(peak.value_or(0), *value);
}

// `now`, each limit with the higher use of the two ticks: in the last one the root may already have been
// freeing everything.
std::vector<agents::ResourceUse> Fuller(std::vector<agents::ResourceUse> now,
                                        const std::vector<agents::ResourceUse>& before) {
  for (agents::ResourceUse& use : now) {
    for (const agents::ResourceUse& other : before) {
      const bool same =
          other.scope == use.scope && other.resource == use.resource && other.limit == use.limit;
      if (same && other.used > use.used) use = other;
    }
  }
  return now;
}

}  // namespace

void FlightRecorder::Add(const agents::Observation& observation) {
  const double now = observation.monotonic_seconds;
  const std::lock_guard lock(mutex_);
  full_ = false;
  for (const agents::AgentSample& agent : observation.agents) {
    for (const agents::ProcessSample& process : agent.processes) {
      if (process.role != agents::Role::kRoot) break;  // roots come first
      if (process.state != 'Z') AddRoot(agent, process, now);
    }
  }
  absl::erase_if(rings_, [&](const auto& entry) {
    const bool old = now - entry.second.newest->seconds > kKeepAfterEndSeconds;
    whole_ -= old && entry.second.whole ? 1 : 0;
    return old;
  });
  last_tick_ = now;
}

bool FlightRecorder::HasRoom() {
  if (whole_ < kMaxRoots) return true;
  if (full_) return false;
  const auto oldest = std::min_element(rings_.begin(), rings_.end(), [](const auto& a, const auto& b) {
    return std::pair(!a.second.whole, a.second.newest->seconds) <
           std::pair(!b.second.whole, b.second.newest->seconds);
  });
  full_ = oldest->second.newest->seconds >= last_tick_;  // all of them live
  if (full_) return false;
  rings_.erase(oldest);
  --whole_;
  return true;
}

void FlightRecorder::AddRoot(const agents::AgentSample& agent, const agents::ProcessSample& root,
                             double now) {
  const auto known = rings_.find(root.key);
  const bool first = known == rings_.end();
  const bool becomes_whole = (first || !known->second.whole) && HasRoom();
  Ring& ring = rings_[root.key];
  if (becomes_whole) {
    ring.whole = true;
    ++whole_;
  }
  FlightPoint point{
      .seconds = now, .resident_bytes = root.usage.resident_bytes, .open_fds = root.usage.open_fds};
  agents::CompleteSum tree_resident, tree_open_fds;
  double tree_cpu = 0;
  for (const agents::ProcessSample& process : agent.processes) {
    tree_cpu += process.cpu_ratio;
    if (process.role == agents::Role::kDescendant) {
      ++point.descendants;
    }
    if (process.state == 'Z') continue;  // its memory and descriptors are gone
    tree_resident.Add(process.usage.resident_bytes);
    tree_open_fds.Add(process.usage.open_fds);
  }
  point.tree_resident_bytes = tree_resident.value();
  point.tree_open_fds = tree_open_fds.value();
  if (!first) {
    point.cpu_ratio = root.cpu_ratio;
    point.tree_cpu_ratio = tree_cpu;
  }
  ring.summary.resources = Fuller(agent.resources, ring.latest_resources);
  ring.latest_resources = agent.resources;
  Raise(ring.summary.peak_resident_bytes, point.resident_bytes);
  Raise(ring.summary.peak_tree_resident_bytes, point.tree_resident_bytes);
  Raise(ring.summary.peak_open_fds, point.open_fds);
  ring.summary.peak_descendants = std::max(ring.summary.peak_descendants, point.descendants);

  ring.newest = point;
  if (!ring.whole) ring.points.clear();
  if (ring.points.empty() || now - ring.points.back().seconds >= ring.spacing) ring.points.push_back(point);
  while (now - ring.points.front().seconds > kSeconds) ring.points.pop_front();
  if (ring.points.size() > kMaxPoints) Thin(ring);
}

// Drops every other point; later points keep that spacing.
void FlightRecorder::Thin(Ring& ring) {
  size_t kept = 0;
  for (size_t i = 0; i < ring.points.size(); i += 2) ring.points[kept++] = ring.points[i];
  ring.points.resize(kept);
  ring.spacing = (ring.points.back().seconds - ring.points.front().seconds) / static_cast<double>(kept - 1);
}

std::vector<std::string> LiveDescendants(const agents::AgentSample& agent, size_t limit) {
  std::vector<std::string> names;
  for (const agents::ProcessSample& process : agent.processes) {
    if (process.role != agents::Role::kDescendant || process.state == 'Z') continue;
    if (names.size() == limit) {
      names.emplace_back("…");
      break;
    }
    names.push_back(absl::StrCat(base::LabelValue(process.comm), " (", process.key.pid, ")"));
  }
  return names;
}

std::optional<FlightRecord> FlightRecorder::Record(const kernel::ProcessKey& root, double now) const {
  const std::lock_guard lock(mutex_);
  const auto found = rings_.find(root);
  if (found == rings_.end()) return std::nullopt;
  const Ring& ring = found->second;
  FlightRecord record = ring.summary;
  record.points.assign(ring.points.begin(), ring.points.end());
  if (ring.newest->seconds > record.points.back().seconds) record.points.push_back(*ring.newest);
  for (FlightPoint& point : record.points) point.seconds = std::max(0.0, now - point.seconds);
  return record;
}

size_t FlightRecorder::roots() const {
  const std::lock_guard lock(mutex_);
  return rings_.size();
}

}  // namespace agent_exporter::run
