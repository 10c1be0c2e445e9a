// JSON from others: what could harm is refused before it becomes objects.
//
// Thread safety: free functions without state.

#ifndef AGENT_EXPORTER_SESSIONS_BOUNDED_JSON_H_
#define AGENT_EXPORTER_SESSIONS_BOUNDED_JSON_H_

#include <nlohmann/json.hpp>
#include <string_view>

namespace agent_exporter::sessions {

// The value that `text` is. Discarded (is_discarded()) for anything else: broken JSON, bad UTF-8, more than
// 64 levels of nesting (walking an object recurses).
nlohmann::json ParseBoundedJson(std::string_view text);

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_BOUNDED_JSON_H_
