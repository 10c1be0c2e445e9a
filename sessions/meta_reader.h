// Reads the agent_meta of any agent from the source that the configuration names, or from its transcript
// where it is Claude Code and the configuration says nothing.
//
// Thread safety: Read by one thread at a time; Counts and Cancel by any.

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
#include "kernel/rooted_reader.h"
#include "sessions/agent_meta.h"
#include "sessions/claude_meta.h"
#include "sessions/meta.h"

namespace agent_exporter::sessions {

class MetaReader {
 public:
  // Told, in one line, of a source that starts to fail.
  using Log = std::function<void(const std::string&)>;

  // `procfs` is where procfs is mounted.
  MetaReader(std::vector<MetaOptions> options, std::string procfs, Log log,
             HomeOf home_of = HomeFromUserDatabase);
  MetaReader(const MetaReader&) = delete;
  MetaReader& operator=(const MetaReader&) = delete;

  // Empty: there is no source, it told nothing, or it could not be read (counted). Within a source's interval
  // what was read last. Blocks while a command runs.
  std::optional<AgentMeta> Read(const agents::AgentSample& agent);

  // Reads by (source, result): ok, absent, refused, invalid, timeout, failed.
  std::map<std::pair<std::string, std::string>, uint64_t> Counts() const;

  // Ends a command that runs, for good: later reads by commands fail.
  void Cancel();

 private:
  using SteadyClock = std::chrono::steady_clock;
  using Key = std::tuple<std::string, std::string, std::string>;  // name, kind, slot
  struct Remembered {
    SteadyClock::time_point time;
    std::optional<AgentMeta> meta;
    bool failing = false;  // so that a failure is logged once
  };

  absl::StatusOr<AgentMeta> ReadNow(const MetaOptions& options, const agents::AgentSample& agent);

  void Note(const MetaOptions& options, const agents::AgentSample& agent, const absl::Status& status,
            Remembered* remembered);

  std::vector<MetaOptions> options_;
  Log log_;
  MetaOptions automatic_;  // Claude Code by the built-in profile
  kernel::RootedReader proc_;
  ClaudeMeta claude_;
  base::Descriptor cancel_;  // an eventfd
  std::map<Key, Remembered> remembered_;
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, uint64_t> counts_;
};

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_META_READER_H_
