// Matches agent names against the patterns of a configuration.
//
// Thread safety: pure functions.

#ifndef AGENT_EXPORTER_BASE_AGENT_NAMES_H_
#define AGENT_EXPORTER_BASE_AGENT_NAMES_H_

#include <string_view>

namespace agent_exporter::base {

// True if `agent` matches `pattern`: an exact name, or a prefix that ends in *.
inline bool AgentNameMatches(std::string_view pattern, std::string_view agent) {
  if (pattern.empty() || pattern.back() != '*') return pattern == agent;
  pattern.remove_suffix(1);
  return agent.substr(0, pattern.size()) == pattern;
}

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_AGENT_NAMES_H_
