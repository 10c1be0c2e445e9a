// Caches the agent_meta of all agents. Its own thread reads them after every tick, so that neither a tick nor
// a scrape waits for a file or a command.
//
// Thread safety: all public methods may be called from any thread.

#ifndef AGENT_EXPORTER_SESSIONS_META_KEEPER_H_
#define AGENT_EXPORTER_SESSIONS_META_KEEPER_H_

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "agents/observation.h"
#include "base/newest_worker.h"
#include "base/system.h"
#include "sessions/agent_meta.h"
#include "sessions/meta_reader.h"

namespace agent_exporter::sessions {

class MetaKeeper {
 public:
  // `log` is told if there is no thread to read on; each observation tries again. `sessions` knows what
  // readers of sessions read, from any thread; null: nothing is known.
  explicit MetaKeeper(std::unique_ptr<MetaReader> reader, MetaSource sessions = nullptr,
                      MetaReader::Log log = nullptr, base::System& system = base::System::Real());
  ~MetaKeeper();  // stops the thread and a running command
  MetaKeeper(const MetaKeeper&) = delete;
  MetaKeeper& operator=(const MetaKeeper&) = delete;

  // For Sampler::AddListener. Returns at once. While the thread is busy, only the newest observation is
  // queued.
  void Enqueue(std::shared_ptr<const agents::Observation> observation) {
    worker_.Submit(std::move(observation));
  }

  // The latest agent_meta of this agent (by name, kind and slot): what its file or command told, and for the
  // rest what its session tells.
  std::optional<AgentMeta> Latest(const agents::AgentSample& agent) const;
  // Only what its file or command told.
  std::optional<AgentMeta> Told(const agents::AgentSample& agent) const;

  struct Entry {
    std::string name, kind, slot;
    AgentMeta meta;
  };
  // Of all agents of the last observation of which anything is known.
  std::vector<Entry> All() const;

  const MetaReader& reader() const { return *reader_; }

 private:
  using Tick = std::shared_ptr<const agents::Observation>;
  using Key = std::tuple<std::string, std::string, std::string>;

  void ReadAll(const agents::Observation& observation);

  std::unique_ptr<MetaReader> reader_;  // only the thread calls Read
  const MetaSource sessions_;
  mutable std::mutex mutex_;
  std::map<Key, std::optional<AgentMeta>> told_;  // by all agents of the last observation
  base::NewestWorker<Tick> worker_;
};

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_META_KEEPER_H_
