#include "sessions/meta_keeper.h"

#include <set>

namespace agent_exporter::sessions {

MetaKeeper::MetaKeeper(std::unique_ptr<MetaReader> reader)
    : reader_(std::move(reader)), thread_([this] { Loop(); }) {}

MetaKeeper::~MetaKeeper() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  reader_->Cancel();
  thread_.join();
}

void MetaKeeper::Enqueue(std::shared_ptr<const agents::Observation> observation) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    waiting_ = std::move(observation);
  }
  changed_.notify_one();
}

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

void MetaKeeper::Loop() {
  while (true) {
    std::shared_ptr<const agents::Observation> observation;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || waiting_ != nullptr; });
      if (stopping_) return;
      observation = std::move(waiting_);
    }
    ReadAll(*observation);
  }
}

void MetaKeeper::ReadAll(const agents::Observation& observation) {
  std::set<Key> present;
  for (const agents::AgentSample& agent : observation.agents) {
    const Key key(agent.name, agent.kind, agent.slot);
    std::optional<AgentMeta> meta = reader_->Read(agent);
    const std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) return;
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
