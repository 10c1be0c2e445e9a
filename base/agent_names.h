// Matches agent names against the patterns of a configuration.
//
// Thread safety: pure functions.

#ifndef AGENT_EXPORTER_BASE_AGENT_NAMES_H_
#define AGENT_EXPORTER_BASE_AGENT_NAMES_H_

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace agent_exporter::base {

// True if `agent` matches `pattern`: an exact name, or a prefix that ends in *.
inline bool AgentNameMatches(std::string_view pattern, std::string_view agent) {
  if (pattern.empty() || pattern.back() != '*') return pattern == agent;
  pattern.remove_suffix(1);
  return agent.substr(0, pattern.size()) == pattern;
}

// True if one of `patterns` matches, or if there are none: no pattern means every agent.
inline bool IsWantedAgent(const std::vector<std::string>& patterns, std::string_view agent) {
  return patterns.empty() ||
         std::any_of(patterns.begin(), patterns.end(),
                     [agent](const std::string& pattern) { return AgentNameMatches(pattern, agent); });
}

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_AGENT_NAMES_H_
