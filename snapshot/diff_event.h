// The hook event for a diff.
//
// Thread safety: a pure function.

#ifndef AGENT_EXPORTER_SNAPSHOT_DIFF_EVENT_H_
#define AGENT_EXPORTER_SNAPSHOT_DIFF_EVENT_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "hooks/hook_pool.h"

namespace agent_exporter::snapshot {

inline constexpr const char* kOnDiff = "on_diff";

// `diff` is {"agent", "timestamp", "diff_fields"}. The event adds diff_fields (dotted keys) and snapshot; in
// the environment AGENT_EXPORTER_DIFF_FIELDS, separated by commas.
hooks::HookEvent DiffEvent(const std::string& agent, const nlohmann::json& diff,
                           const nlohmann::json& snapshot);

}  // namespace agent_exporter::snapshot

#endif  // AGENT_EXPORTER_SNAPSHOT_DIFF_EVENT_H_
