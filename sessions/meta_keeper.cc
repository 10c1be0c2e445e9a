#include "sessions/meta_keeper.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace agent_exporter::sessions {

MetaKeeper::MetaKeeper(std::unique_ptr<MetaReader> reader, MetaSource sessions, MetaReader::Log log,
                       base::System& system)
    : reader_(std::move(reader)),
      sessions_(std::move(sessions)),
      worker_(
          system, [this](const Tick& observation) { ReadAll(*observation); },
          [log = std::move(log)](const absl::Status& refused) {
            if (log) log(absl::StrCat("agent_meta is not read for now: ", refused.message()));
          }) {}

MetaKeeper::~MetaKeeper() { reader_->Cancel(); }

std::optional<AgentMeta> MetaKeeper::Told(const agents::AgentSample& agent) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = told_.find({agent.name, agent.kind, agent.slot});
  return found == told_.end() ? std::nullopt : found->second;
}

std::optional<AgentMeta> MetaKeeper::Latest(const agents::AgentSample& agent) const {
  return Combined(Told(agent), sessions_ ? sessions_(agent) : std::nullopt);
}

std::vector<MetaKeeper::Entry> MetaKeeper::All() const {
  std::vector<agents::AgentSample> agents;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& [key, meta] : told_) {
      agents::AgentSample& agent = agents.emplace_back();
      std::tie(agent.name, agent.kind, agent.slot) = key;
    }
  }
  std::vector<Entry> entries;
  for (const agents::AgentSample& agent : agents) {
    if (auto meta = Latest(agent)) entries.push_back({agent.name, agent.kind, agent.slot, *std::move(meta)});
  }
  return entries;
}

void MetaKeeper::ReadAll(const agents::Observation& observation) {
  std::set<Key> present;
  for (const agents::AgentSample& agent : observation.agents) {
    const Key key(agent.name, agent.kind, agent.slot);
    std::optional<AgentMeta> meta = reader_->Read(agent);
    present.insert(key);
    const std::lock_guard<std::mutex> lock(mutex_);
    told_[key] = std::move(meta);
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  std::erase_if(told_, [&present](const auto& entry) { return present.count(entry.first) == 0; });
}

}  // namespace agent_exporter::sessions
