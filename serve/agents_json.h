// GET /agents: the live process tree of every agent as JSON, with the reason why it is watched and how close
// it is to its limits.
//
//   timestamp_seconds  when this was sampled, since the epoch
//   exporter           {version, revision, process_source, process_events, events_lost, agents_folded,
//                       unreadable: [{file, reason, count}]}
//   host               {name, memory_total_bytes, memory_used_bytes, memory_available_bytes,
//                       load: [1, 5, 15 min], processes, threads, pid_max, threads_max, open_fds, max_fds}
//   agents             sorted by name, kind, slot: the object of serve/agent_json.h with what happened since
//                      the exporter started: restarts, oom_kills, descendants_started, exits by reason,
//                      self_cpu_seconds, descendants_cpu_seconds; and leaks: [{scope, resource,
//                      growth_per_second, seconds_to_limit, evidence_span_seconds}]
//
// seconds_to_limit is null if there is no evidence that the limit will be reached.
//
// Thread safety: free functions. The handler's sampler must outlive it.

#ifndef AGENT_EXPORTER_SERVE_AGENTS_JSON_H_
#define AGENT_EXPORTER_SERVE_AGENTS_JSON_H_

#include <string>
#include <vector>

#include "agents/observation.h"
#include "http/http_server.h"
#include "serve/sampler.h"
#include "sessions/agent_meta.h"
#include "sessions/session.h"

namespace agent_exporter::serve {

// All agents, or only those with one of `names` if it is not empty. `meta` knows each agent's agent_meta,
// `sessions` its sessions; unset: nothing is known.
std::string AgentsJson(const agents::Observation& observation, const std::vector<std::string>& names = {},
                       const sessions::MetaSource& meta = {}, const sessions::SessionSource& sessions = {});

// Serves an observation that is at most a second old. `?agent=NAME` (repeatable) selects agents; 404 if no
// agent has the name.
http::HttpHandler AgentsHandler(Sampler& sampler, sessions::MetaSource meta,
                                sessions::SessionSource sessions);

}  // namespace agent_exporter::serve

#endif  // AGENT_EXPORTER_SERVE_AGENTS_JSON_H_
