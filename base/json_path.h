// Finds a value in JSON by its dotted path: "pids.tmux.pane".
//
// Thread safety: free functions without state.

#ifndef AGENT_EXPORTER_BASE_JSON_PATH_H_
#define AGENT_EXPORTER_BASE_JSON_PATH_H_

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string_view>

namespace agent_exporter::base {

// Null if there is no such member. The result belongs to `json`.
const nlohmann::ordered_json* AtPath(const nlohmann::ordered_json& json, std::string_view path);

// A flat object with the value at each of `paths`, in that order; null if `json` has none.
nlohmann::ordered_json Terse(const nlohmann::ordered_json& json,
                             std::initializer_list<std::string_view> paths);

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_JSON_PATH_H_
