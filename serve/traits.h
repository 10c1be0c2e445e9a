// What one agent itself uses, under the dotted names that templates and conditions use:
// {"agent", "kind", "slot", "agent_self": {rss_bytes, vsz_bytes, threads, open_fds, descendants,
// descendant_open_fds, uptime_secs}}. What is not known has no key.
//
// Thread safety: a pure function.

#ifndef AGENT_EXPORTER_SERVE_TRAITS_H_
#define AGENT_EXPORTER_SERVE_TRAITS_H_

#include <nlohmann/json.hpp>

namespace agent_exporter::serve {

// `summary`: of AgentSummary.
nlohmann::ordered_json TraitsOf(const nlohmann::ordered_json& summary);

}  // namespace agent_exporter::serve

#endif  // AGENT_EXPORTER_SERVE_TRAITS_H_
