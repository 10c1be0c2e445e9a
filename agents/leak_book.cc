#include "agents/leak_book.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>
#include <utility>

namespace agent_exporter::agents {
namespace {

// Bump it with any change of LeakDetector's layout or meaning.
constexpr std::string_view kMagic = "agent_exporter leak state 2\n";
// The kernel's idea of when it booted moves as the wall clock is set.
constexpr double kSameBootSeconds = 600;
constexpr uint32_t kMostDetectors = 6;

static_assert(std::is_trivially_copyable_v<LeakDetector>);

std::string KeyOf(const AgentSample& agent) {
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

template <typename Value>
void Put(const Value& value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <typename Value>
bool Get(std::string_view* in, Value* value) {
  if (in->size() < sizeof *value) return false;
  std::memcpy(static_cast<void*>(value), in->data(), sizeof *value);
  in->remove_prefix(sizeof *value);
  return true;
}

// The root whose life the evidence is about, null: none lives. In a wrapper it is the program: it may be
// started again, and may outlive the wrapper.
const ProcessSample* LifeOf(const AgentSample& agent) {
  const ProcessSample* life = nullptr;
  for (const ProcessSample& process : agent.processes) {
    if (process.role != Role::kRoot || process.state == 'Z') continue;
    if (life == nullptr || (process.inner && process.ppid == life->key.pid)) life = &process;
  }
  return life;
}

absl::Status Alien() { return absl::InvalidArgumentError("not a leak state of this version, or damaged"); }

}  // namespace

void LeakBook::Tick(double now, AgentSample* agent) {
  const ProcessSample* const root = LifeOf(*agent);
  const kernel::ProcessKey key = root == nullptr ? kernel::ProcessKey() : root->key;
  Entry& entry = entries_[KeyOf(*agent)];
  entry.seen = true;
  if (!(entry.root == key)) {
    entry.root = key;
    for (LeakDetector& detector : entry.detectors) detector = detector.NextLife();
  }
  if (root == nullptr) return;
  for (const ResourceUse& use : agent->resources) {
    auto found =
        std::find_if(entry.detectors.begin(), entry.detectors.end(), [&](const LeakDetector& detector) {
          return detector.scope() == use.scope && detector.resource() == use.resource;
        });
    if (found == entry.detectors.end()) {
      found = entry.detectors.emplace(entry.detectors.end(), use.scope, use.resource);
    }
    found->Add(now * time_factor_, use);
  }
  Show(agent);
}

void LeakBook::Show(AgentSample* agent) const {
  agent->leaks.clear();
  const auto found = entries_.find(KeyOf(*agent));
  if (found == entries_.end()) return;
  for (const ResourceUse& use : agent->resources) {
    for (const LeakDetector& detector : found->second.detectors) {
      if (detector.scope() == use.scope && detector.resource() == use.resource) {
        LeakEvidence& leak = agent->leaks.emplace_back(detector.Evidence());
        leak.seconds_to_limit /= time_factor_;
        leak.growth_per_second *= time_factor_;
        leak.evidence_span_seconds /= time_factor_;
      }
    }
  }
}

void LeakBook::ForgetUnseen() {
  std::erase_if(entries_, [](const auto& entry) { return !entry.second.seen; });
  for (auto& [key, entry] : entries_) entry.seen = false;
}

std::string LeakBook::Save(double boot_time) const {
  std::string saved(kMagic);
  Put(static_cast<uint32_t>(sizeof(LeakDetector)), &saved);
  Put(boot_time, &saved);
  Put(static_cast<uint32_t>(entries_.size()), &saved);
  for (const auto& [key, entry] : entries_) {
    Put(static_cast<uint32_t>(key.size()), &saved);
    saved += key;
    Put(entry.root, &saved);
    Put(static_cast<uint32_t>(entry.detectors.size()), &saved);
    for (const LeakDetector& detector : entry.detectors) Put(detector, &saved);
  }
  Put(Fnv1a(saved), &saved);
  return saved;
}

absl::Status LeakBook::Load(std::string_view saved, double boot_time) {
  uint64_t sum = 0;
  if (saved.size() < sizeof sum || saved.substr(0, kMagic.size()) != kMagic) return Alien();
  std::string_view tail = saved.substr(saved.size() - sizeof sum);
  Get(&tail, &sum);
  saved.remove_suffix(sizeof sum);
  if (sum != Fnv1a(saved)) return Alien();

  saved.remove_prefix(kMagic.size());
  uint32_t size = 0, count = 0;
  double saved_boot_time = 0;
  if (!Get(&saved, &size) || size != sizeof(LeakDetector) || !Get(&saved, &saved_boot_time) ||
      !Get(&saved, &count)) {
    return Alien();
  }
  std::map<std::string, Entry> entries;
  for (uint32_t i = 0; i < count; ++i) {
    uint32_t length = 0, detectors = 0;
    if (!Get(&saved, &length) || saved.size() < length) return Alien();
    Entry& entry = entries[std::string(saved.substr(0, length))];
    saved.remove_prefix(length);
    if (!Get(&saved, &entry.root) || !Get(&saved, &detectors) || detectors > kMostDetectors) return Alien();
    for (uint32_t j = 0; j < detectors; ++j) {
      if (!Get(&saved,
               &entry.detectors.emplace_back(ResourceUse::Scope::kSelf, ResourceUse::Resource::kFds))) {
        return Alien();
      }
    }
  }
  if (!saved.empty()) return Alien();
  if (std::abs(saved_boot_time - boot_time) > kSameBootSeconds) entries.clear();
  entries_ = std::move(entries);
  return absl::OkStatus();
}

}  // namespace agent_exporter::agents
