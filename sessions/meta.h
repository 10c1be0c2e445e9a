// Where an agent's agent_meta comes from: the transcript of a Claude Code session, a JSON file or a command.
//
// A file or command gives one JSON object; alive, subagents, context_pct, heap_used_bytes, current_tool,
// last_activity, model, pane_tail, pane_tail_block and recent_actions are taken from it where they have the
// right type and size, all else is passed over.
//
// Thread safety: values and free functions without state.

#ifndef AGENT_EXPORTER_SESSIONS_META_H_
#define AGENT_EXPORTER_SESSIONS_META_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agents/observation.h"
#include "sessions/agent_meta.h"

namespace agent_exporter::sessions {

// Tokens; what a transcript does not say.
inline constexpr uint64_t kDefaultContextWindow = 200'000;
// Bytes that a file or a command may give.
inline constexpr size_t kMaxMetaBytes = 256 << 10;
inline constexpr std::chrono::milliseconds kMetaCommandLimit{5000};

struct MetaOptions {
  enum class Source { kNone, kClaudeCode, kFile, kCommand };
  std::string agent;  // whose, by name; a * at its end stands for any rest
  Source source = Source::kNone;
  std::string path;  // kFile; {agent} in it stands for the name
  std::vector<std::string> command;
  std::chrono::milliseconds interval{5000};         // read no more often than this
  uint64_t context_window = kDefaultContextWindow;  // kClaudeCode: tokens
  std::string config_dir;  // kClaudeCode: what stands for ~/.claude (its CLAUDE_CONFIG_DIR); empty: that
};

// "claude-code", "file", "command", "none".
std::string_view SourceName(MetaOptions::Source source);

// The first that is for an agent of this name; null: none.
const MetaOptions* FindMetaOptions(const std::vector<MetaOptions>& all, std::string_view agent);

// From the text of a file or a command's output. InvalidArgument: no JSON object.
absl::StatusOr<AgentMeta> ParseAgentMeta(std::string_view text);

// Errors: as ReadRegularFile; InvalidArgument for a name that cannot stand in a path, or no JSON object.
absl::StatusOr<AgentMeta> ReadMetaFile(const MetaOptions& options, const agents::AgentSample& agent);

// The command is told AGENT_EXPORTER_AGENT and AGENT_EXPORTER_PIDS (the live roots, blanks between) in its
// environment. Blocks up to kMetaCommandLimit; ends early once `cancel_fd` is readable. Errors: as
// RunBounded, but FailedPrecondition for a program that is not there; Unknown for an exit code other than 0;
// InvalidArgument for no JSON object.
absl::StatusOr<AgentMeta> RunMetaCommand(const MetaOptions& options, const agents::AgentSample& agent,
                                         int cancel_fd);

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_META_H_
