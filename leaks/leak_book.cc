#include "leaks/leak_book.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"

namespace agent_exporter::leaks {
namespace {

// The first line of a saved book, and its version. Another version is not read: bump it with any change of
// what Save writes or of what that means.
constexpr std::string_view kMagic = "agent_exporter leak state ";
constexpr std::string_view kVersion = "3\n";
// The kernel's idea of when it booted moves as the wall clock is set.
constexpr double kSameBootSeconds = 600;
constexpr uint32_t kMostDetectors = 6;

std::string KeyOf(const agents::AgentSample& agent) {
  std::string key = agent.name;
  for (const std::string* part : {&agent.kind, &agent.slot}) {
    key += '\0';
    key += *part;
  }
  return key;
}

uint64_t Fnv1a(std::string_view bytes) {
  uint64_t hash = 14695981039346656037u;
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211u;
  return hash;
}

absl::string_view Word(std::string_view line) { return {line.data(), line.size() - 1}; }

// The root whose life the evidence is about, null: none lives. In a wrapper it is the program: it may be
// started again, and may outlive the wrapper.
const agents::ProcessSample* LifeOf(const agents::AgentSample& agent) {
  const agents::ProcessSample* life = nullptr;
  for (const agents::ProcessSample& process : agent.processes) {
    if (process.role != agents::Role::kRoot || process.state == 'Z') continue;
    if (life == nullptr || (process.inner && process.ppid == life->key.pid)) life = &process;
  }
  return life;
}

absl::Status Alien() { return absl::InvalidArgumentError("no leak state, or a damaged one"); }

}  // namespace

void LeakBook::Tick(double now, agents::AgentSample* agent) {
  const agents::ProcessSample* const root = LifeOf(*agent);
  const kernel::ProcessKey key = root == nullptr ? kernel::ProcessKey() : root->key;
  Entry& entry = entries_[KeyOf(*agent)];
  entry.seen = true;
  if (!(entry.root == key)) {
    entry.root = key;
    for (LeakDetector& detector : entry.detectors) detector = detector.NextLife();
  }
  if (root == nullptr) return;
  for (const agents::ResourceUse& use : agent->resources) {
    auto found =
        std::find_if(entry.detectors.begin(), entry.detectors.end(), [&](const LeakDetector& detector) {
          return detector.scope() == use.scope && detector.resource() == use.resource;
        });
    if (found == entry.detectors.end()) {
      found = entry.detectors.emplace(entry.detectors.end(), use.scope, use.resource);
    }
    found->Add(now, use);
  }
  Show(agent);
}

void LeakBook::Look(double now, bool tick, agents::Observation& observation) {
  for (agents::AgentSample& agent : observation.agents) {
    if (tick) {
      Tick(now, &agent);
    } else {
      Show(&agent);
    }
  }
  if (tick) ForgetUnseen();
}

void LeakBook::Show(agents::AgentSample* agent) const {
  agent->leaks.clear();
  const auto found = entries_.find(KeyOf(*agent));
  if (found == entries_.end()) return;
  for (const agents::ResourceUse& use : agent->resources) {
    for (const LeakDetector& detector : found->second.detectors) {
      if (detector.scope() == use.scope && detector.resource() == use.resource) {
        agent->leaks.push_back(detector.Evidence());
      }
    }
  }
}

void LeakBook::ForgetUnseen() {
  std::erase_if(entries_, [](const auto& entry) { return !entry.second.seen; });
  for (auto& [key, entry] : entries_) entry.seen = false;
}

std::string LeakBook::Save(double boot_time) const {
  base::ByteWriter out;
  out.Raw(kMagic);
  out.Raw(kVersion);
  out.F64(boot_time);
  out.U32(static_cast<uint32_t>(entries_.size()));
  for (const auto& [key, entry] : entries_) {
    out.Text(key);
    out.I64(entry.root.pid);
    out.U64(entry.root.start_ticks);
    out.U32(static_cast<uint32_t>(entry.detectors.size()));
    for (const LeakDetector& detector : entry.detectors) detector.Save(out);
  }
  out.U64(Fnv1a(out.bytes()));
  return out.bytes();
}

absl::Status LeakBook::Load(std::string_view saved, double boot_time) {
  const size_t line_end = saved.find('\n');
  if (!saved.starts_with(kMagic) || line_end == std::string_view::npos) return Alien();
  const std::string_view version = saved.substr(kMagic.size(), line_end - kMagic.size() + 1);
  if (version != kVersion && version.size() <= 10) {
    return absl::FailedPreconditionError(
        absl::StrCat("it is of version ", Word(version), "; this program reads version ", Word(kVersion)));
  }
  constexpr size_t kSumBytes = 8;
  if (version != kVersion || saved.size() < kSumBytes) return Alien();
  base::ByteReader sum(saved.substr(saved.size() - kSumBytes));
  saved.remove_suffix(kSumBytes);
  if (sum.U64() != Fnv1a(saved)) return Alien();

  base::ByteReader in(saved.substr(kMagic.size() + kVersion.size()));
  const double saved_boot_time = in.F64();
  const uint32_t count = in.U32();
  std::map<std::string, Entry> entries;
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    Entry& entry = entries[in.Text()];
    entry.root.pid = static_cast<pid_t>(in.I64());
    entry.root.start_ticks = in.U64();
    const uint32_t detectors = in.U32();
    if (detectors > kMostDetectors) return Alien();
    for (uint32_t j = 0; j < detectors; ++j) {
      auto detector = LeakDetector::Load(in);
      if (!detector) return Alien();
      entry.detectors.push_back(*detector);
    }
  }
  if (!in.ok() || !in.at_end()) return Alien();
  if (std::abs(saved_boot_time - boot_time) > kSameBootSeconds) entries.clear();
  entries_ = std::move(entries);
  return absl::OkStatus();
}

}  // namespace agent_exporter::leaks
