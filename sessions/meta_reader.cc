#include "sessions/meta_reader.h"

#include <sys/eventfd.h>

#include "absl/strings/str_cat.h"
#include "base/label_value.h"
#include "sessions/read_result.h"

namespace agent_exporter::sessions {
namespace {

// The cache is cleared above this size. A host has at most 10,000 agent names.
constexpr size_t kMaxCached = 20'000;

}  // namespace

MetaReader::MetaReader(std::vector<MetaOptions> options, Log log)
    : options_(std::move(options)), log_(std::move(log)), cancel_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

absl::StatusOr<AgentMeta> MetaReader::ReadNow(const MetaOptions& options, const agents::AgentSample& agent) {
  switch (options.source) {
    case MetaOptions::Source::kFile:
      return ReadMetaFile(options, agent);
    case MetaOptions::Source::kCommand:
      return RunMetaCommand(options, agent, cancel_.get());
    case MetaOptions::Source::kClaudeCode:
    case MetaOptions::Source::kNone:
      break;
  }
  return absl::NotFoundError("no source");
}

std::optional<AgentMeta> MetaReader::Read(const agents::AgentSample& agent) {
  const MetaOptions* options = FindMetaOptions(options_, agent.name);
  if (options == nullptr || options->source == MetaOptions::Source::kNone ||
      options->source == MetaOptions::Source::kClaudeCode) {
    return std::nullopt;
  }
  if (cache_.size() > kMaxCached) cache_.clear();
  const auto [entry, is_new] = cache_.try_emplace({agent.name, agent.kind, agent.slot});
  CachedMeta& cached = entry->second;
  // An agent without processes has no data, and a command would get no pids.
  if (agent.processes.empty()) {
    cached = {};
    return std::nullopt;
  }
  const SteadyClock::time_point now = SteadyClock::now();
  if (!is_new && cached.time != SteadyClock::time_point() && now - cached.time < options->interval)
    return cached.meta;
  absl::StatusOr<AgentMeta> meta = ReadNow(*options, agent);
  cached.time = SteadyClock::now();
  RecordResult(*options, agent, meta.status(), &cached);
  cached.meta = meta.ok() ? std::optional<AgentMeta>(*std::move(meta)) : std::nullopt;
  return cached.meta;
}

void MetaReader::RecordResult(const MetaOptions& options, const agents::AgentSample& agent,
                              const absl::Status& status, CachedMeta* cached) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++counts_[{std::string(SourceName(options.source)), ReadResult(status)}];
  }
  // NotFound (no session yet) and Cancelled are not failures.
  const bool fails = !status.ok() && !absl::IsNotFound(status) && !absl::IsCancelled(status);
  if (fails && !cached->failing && log_) {
    log_(absl::StrCat("cannot read agent_meta of ", base::Quoted(agent.name), ": ", status.message()));
  }
  cached->failing = fails;
}

std::map<std::pair<std::string, std::string>, uint64_t> MetaReader::Counts() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return counts_;
}

void MetaReader::Cancel() { ::eventfd_write(cancel_.get(), 1); }

}  // namespace agent_exporter::sessions
