// GET /agents: the live tree of what is watched, why it is watched, and how near it is to its limits, as
// JSON.
//
//   timestamp_seconds  when this was read, since the epoch
//   exporter           {version, revision, process_source, process_events, events_lost, agents_folded,
//                       unreadable: [{file, reason, count}]}
//   host               {memory_total_bytes, memory_used_bytes, memory_available_bytes, load: [1, 5, 15 min],
//                       processes, threads, pid_max, threads_max, open_fds, max_fds}
//   agents             by name, kind, slot: what it is and whether it runs; self (its roots) and tree (those
//                      and all below) sums; resources with their tightest limit; leaks; orphans; exits;
//                      agent_meta, null where nothing is known; processes, roots first
//
// Units are in the names: bytes, seconds since the epoch or of duration, ratios (CPU: 1 is one full core).
// A figure that could not be read has no key; a sum with an unreadable part neither. A zombie has neither
// memory nor descriptors. A process' session is the pid of its leader (setsid(2)). seconds_to_limit is null
// where nothing says that the limit will be reached. Names are made valid UTF-8; there are no command lines
// and no environments.
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

namespace agent_exporter::serve {

// All agents, or those with one of `names` when there are any. `meta` knows each agent's agent_meta; unset:
// nothing is known.
std::string AgentsJson(const agents::Observation& observation, const std::vector<std::string>& names = {},
                       const sessions::MetaSource& meta = {});

// Answers with what was seen at most a second ago; `?agent=NAME` (repeatable) picks agents. 404 when none has
// the name.
http::HttpHandler AgentsHandler(Sampler& sampler, sessions::MetaSource meta);

}  // namespace agent_exporter::serve

#endif  // AGENT_EXPORTER_SERVE_AGENTS_JSON_H_
