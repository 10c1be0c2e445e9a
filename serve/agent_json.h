// One agent as JSON, the shape that /agents, `status --json` and `traits` share.
//
//   agent, kind, slot            kind and slot only if the rule sets them
//   configured, up, instances    instances: how many live roots
//   uptime_seconds               of the oldest root
//   self, tree                   sums over the roots, and over everything: {processes, cpu_usage_ratio,
//                                threads, resident_memory_bytes, virtual_memory_bytes, open_fds};
//                                self also has max_fds
//   children, children_open_fds  processes that a root started itself, without zombies
//   zombies, orphans             orphans: sums like tree's
//   resources                    [{scope, resource, source, used, limit, used_ratio}]
//   concern                      {severity, sentence, advice}: what is wrong with it, serve/concern.h
//   agent_meta                   null if nothing is known
//   sessions                     the conversations, sessions/session_json.h
//   commands                     what descendants cost, living and dead: [{command, cpu_seconds, started,
//                                failed, processes, max_resident_memory_bytes}]; for those that live also
//                                resident_memory_bytes, orphans, oldest_start_seconds
//   processes                    roots first; with the reason why a root is watched, and
//                                open_fds_by_kind while its agent is short of descriptors
//
// Units are part of the names: bytes, seconds (since the epoch or a duration), ratios (CPU: 1 is one full
// core). A value that could not be read has no key, and neither has a sum of which a part could not be read.
// A zombie has no memory and no descriptors. The session of a process is the pid of its session leader
// (setsid(2)). Names are converted to valid UTF-8. Command lines and environments are never shown.
//
// Thread safety: free functions.

#ifndef AGENT_EXPORTER_SERVE_AGENT_JSON_H_
#define AGENT_EXPORTER_SERVE_AGENT_JSON_H_

#include <nlohmann/json.hpp>
#include <optional>

#include "agents/observation.h"
#include "sessions/agent_meta.h"
#include "sessions/session.h"

namespace agent_exporter::serve {

// Adds the key unless the value is unknown.
template <typename Value>
void Put(nlohmann::ordered_json& object, const char* key, const std::optional<Value>& value) {
  if (value) object[key] = *value;
}

// All but agent_meta and processes.
nlohmann::ordered_json AgentSummary(const agents::AgentSample& agent);

// `meta` knows the agent's agent_meta, `sessions` its sessions; unset: nothing is known.
nlohmann::ordered_json AgentJson(const agents::AgentSample& agent, const agents::Observation& observation,
                                 const sessions::MetaSource& meta = {},
                                 const sessions::SessionSource& sessions = {});

}  // namespace agent_exporter::serve

#endif  // AGENT_EXPORTER_SERVE_AGENT_JSON_H_
