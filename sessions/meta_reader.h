// Reads the agent_meta of an agent from the file or the command that the configuration names.
//
// Thread safety: call Read from one thread at a time; Counts and Cancel from any.

#ifndef AGENT_EXPORTER_SESSIONS_META_READER_H_
#define AGENT_EXPORTER_SESSIONS_META_READER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/descriptor.h"
#include "sessions/agent_meta.h"
#include "sessions/meta.h"

namespace agent_exporter::sessions {

class MetaReader {
 public:
  // Called with one line when a source starts to fail.
  using Log = std::function<void(const std::string&)>;

  MetaReader(std::vector<MetaOptions> options, Log log);
  MetaReader(const MetaReader&) = delete;
  MetaReader& operator=(const MetaReader&) = delete;

  // Returns the cached agent_meta within the source's interval, otherwise reads it. Empty if there is no
  // source, it has no data, or it cannot be read (Counts counts these). Blocks while a command runs.
  std::optional<AgentMeta> Read(const agents::AgentSample& agent);

  // How many reads there were, by source and result: ok, absent, refused, invalid, timeout, failed.
  std::map<std::pair<std::string, std::string>, uint64_t> Counts() const;

  // Ends a running command. All later commands fail.
  void Cancel();

 private:
  using SteadyClock = std::chrono::steady_clock;
  using Key = std::tuple<std::string, std::string, std::string>;  // name, kind, slot
  struct CachedMeta {
    SteadyClock::time_point time;
    std::optional<AgentMeta> meta;
    bool failing = false;  // so that a failure is logged once
  };

  absl::StatusOr<AgentMeta> ReadNow(const MetaOptions& options, const agents::AgentSample& agent);

  void RecordResult(const MetaOptions& options, const agents::AgentSample& agent, const absl::Status& status,
                    CachedMeta* cached);

  std::vector<MetaOptions> options_;
  Log log_;
  base::Descriptor cancel_;  // an eventfd
  std::map<Key, CachedMeta> cache_;
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, uint64_t> counts_;
};

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_META_READER_H_
