#include "sessions/meta_keeper.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace agent_exporter::sessions {

MetaKeeper::MetaKeeper(std::unique_ptr<MetaReader> reader, MetaReader::Log log, base::System& system)
    : reader_(std::move(reader)),
      worker_(
          system, [this](const Tick& observation) { ReadAll(*observation); },
          [log = std::move(log)](const absl::Status& refused) {
            if (log) log(absl::StrCat("agent_meta is not read for now: ", refused.message()));
          }) {}

MetaKeeper::~MetaKeeper() { reader_->Cancel(); }

std::optional<AgentMeta> MetaKeeper::Latest(const agents::AgentSample& agent) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = metas_.find({agent.name, agent.kind, agent.slot});
  return found == metas_.end() ? std::nullopt : std::optional<AgentMeta>(found->second);
}

std::vector<MetaKeeper::Entry> MetaKeeper::All() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<Entry> entries;
  entries.reserve(metas_.size());
  for (const auto& [key, meta] : metas_) {
    entries.push_back({std::get<0>(key), std::get<1>(key), std::get<2>(key), meta});
  }
  return entries;
}

void MetaKeeper::ReadAll(const agents::Observation& observation) {
  std::set<Key> present;
  for (const agents::AgentSample& agent : observation.agents) {
    const Key key(agent.name, agent.kind, agent.slot);
    std::optional<AgentMeta> meta = reader_->Read(agent);
    const std::lock_guard<std::mutex> lock(mutex_);
    if (meta) {
      present.insert(key);
      metas_[key] = *std::move(meta);
    } else {
      metas_.erase(key);
    }
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  std::erase_if(metas_, [&present](const auto& entry) { return present.count(entry.first) == 0; });
}

}  // namespace agent_exporter::sessions
