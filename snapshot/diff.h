// What changed from one snapshot to the next.
//
// Objects are flattened to dotted keys ("pids.tmux.pane"); lists compare whole; absent equals null.
// timestamp, has_diff and diff_fields never count.
//
// Thread safety: pure functions.

#ifndef AGENT_EXPORTER_SNAPSHOT_DIFF_H_
#define AGENT_EXPORTER_SNAPSHOT_DIFF_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "snapshot/options.h"

namespace agent_exporter::snapshot {

// The sorted dotted keys of the fields that differ. A number differs if its change reaches its minimum; a
// change to or from null, or of type, always counts.
std::vector<std::string> DiffFields(const nlohmann::ordered_json& before, const nlohmann::ordered_json& after,
                                    const DiffOptions& options);

}  // namespace agent_exporter::snapshot

#endif  // AGENT_EXPORTER_SNAPSHOT_DIFF_H_
