// Parses untrusted JSON. Rejects dangerous input before it becomes objects.
//
// Thread safety: free functions without state.

#ifndef AGENT_EXPORTER_SESSIONS_BOUNDED_JSON_H_
#define AGENT_EXPORTER_SESSIONS_BOUNDED_JSON_H_

#include <nlohmann/json.hpp>
#include <string_view>

namespace agent_exporter::sessions {

// Parses `text`. The result is_discarded() for malformed JSON, bad UTF-8, or more than 64 levels of nesting
// (walking an object recurses).
nlohmann::json ParseBoundedJson(std::string_view text);

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_BOUNDED_JSON_H_
