// The sources of agent_meta that a configuration names: a JSON file, or a command. What agents write down
// themselves is read by the readers of sessions (sessions/session_reader.h).
//
// A file or a command provides one JSON object. We read alive, subagents, context_pct, heap_used_bytes,
// current_tool, last_activity, model, pane_tail, pane_tail_block and recent_actions if they have the right
// type and size, and ignore the rest.
//
// Thread safety: values and free functions without state.

#ifndef AGENT_EXPORTER_SESSIONS_META_H_
#define AGENT_EXPORTER_SESSIONS_META_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agents/observation.h"
#include "sessions/agent_meta.h"

namespace agent_exporter::sessions {

// The most bytes that we accept from a file or a command.
inline constexpr size_t kMaxMetaBytes = 256 << 10;
inline constexpr std::chrono::milliseconds kMetaCommandLimit{5000};

struct MetaOptions {
  enum class Source { kNone, kClaudeCode, kFile, kCommand };
  std::string agent;  // an agent's name, or a prefix that ends in *
  Source source = Source::kNone;
  std::string path;  // kFile; {agent} is replaced with the agent's name
  std::vector<std::string> command;
  std::chrono::milliseconds interval{5000};  // time between reads, at least
  std::optional<uint64_t> context_window;    // kClaudeCode: tokens
  std::string config_dir;                    // kClaudeCode: its CLAUDE_CONFIG_DIR; empty means ~/.claude
};

// "claude-code", "file", "command", "none".
std::string_view SourceName(MetaOptions::Source source);

// The first entry that matches the agent's name, or null.
const MetaOptions* FindMetaOptions(const std::vector<MetaOptions>& all, std::string_view agent);

// Parses the content of a file or the output of a command. InvalidArgument if it is not a JSON object.
absl::StatusOr<AgentMeta> ParseAgentMeta(std::string_view text);

// Errors: as ReadRegularFile; InvalidArgument if the agent's name cannot be part of a path, or the file is
// not a JSON object.
absl::StatusOr<AgentMeta> ReadMetaFile(const MetaOptions& options, const agents::AgentSample& agent);

// Runs the command with AGENT_EXPORTER_AGENT and AGENT_EXPORTER_PIDS (the live roots, separated by spaces) in
// its environment. Blocks for at most kMetaCommandLimit, or until `cancel_fd` is readable. Errors: as
// RunBounded, but FailedPrecondition if there is no such program; Unknown for an exit code other than 0;
// InvalidArgument if the output is not a JSON object.
absl::StatusOr<AgentMeta> RunMetaCommand(const MetaOptions& options, const agents::AgentSample& agent,
                                         int cancel_fd);

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_META_H_
