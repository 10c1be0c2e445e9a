// A session as JSON, for /agents and `status --json`.
//
//   session, pid       its name and its program
//   state              working, waiting, idle, stuck or ended
//   state_since        ISO 8601, in UTC
//   model, tool        tool: a call without a result
//   context_ratio      0 to 1
//   last_activity      ISO 8601, in UTC: of the newest line that it wrote
//   waiting_for        permission, question or plan
//   subagents
//   tokens             {input, output, cache_read, cache_creation, reasoning} of the whole session
//   resident_memory_bytes, cpu_usage_ratio   of its process and all below
//
// What is unknown has no key.
//
// Thread safety: a free function.

#ifndef AGENT_EXPORTER_SESSIONS_SESSION_JSON_H_
#define AGENT_EXPORTER_SESSIONS_SESSION_JSON_H_

#include <nlohmann/json.hpp>

#include "sessions/session.h"

namespace agent_exporter::sessions {

nlohmann::ordered_json SessionJson(const Session& session);

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_SESSION_JSON_H_
