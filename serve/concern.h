// What is wrong with an agent: how urgent, in one sentence, and what to do first. `status`, /agents, hooks
// and the page all say it in these words and order agents by it.
//
//   page    a leak that ends soon     "out of file descriptors in 9m 0s: mcp-server (pid 450) holds 952 of
//                                     1,024, 940 of them pipes, +12 a minute"
//   near    90 % of a limit           "952 of 1,024 file descriptors are used, by mcp-server (pid 450),
//                                     940 of them pipes"
//   ticket  a leak that ends late     as page
//   died    it ended lately           "ended 2m 5s ago: its memory was 98 % full"
//   down    it is configured and does not run
//   none    nothing is wrong          ""
//
// Thread safety: pure functions.

#ifndef AGENT_EXPORTER_SERVE_CONCERN_H_
#define AGENT_EXPORTER_SERVE_CONCERN_H_

#include <string>
#include <vector>

#include "agents/observation.h"

namespace agent_exporter::serve {

// From this share of a limit on it is near.
inline constexpr double kNearLimit = 0.9;

struct Concern {
  enum class Severity { kPage, kNear, kTicket, kDied, kDown, kNone };  // the most urgent first
  Severity severity = Severity::kNone;
  std::string sentence;
  std::string advice;  // a command or two; "" where there is nothing to do at once
};

const char* Name(Concern::Severity severity);

std::string LeakSentence(const agents::AgentSample& agent, const agents::LeakEvidence& leak);
std::string NearLimitSentence(const agents::AgentSample& agent, const agents::ResourceUse& use);

// The most urgent concern. `wall_seconds`: of the observation.
Concern ConcernOf(const agents::AgentSample& agent, double wall_seconds);

// Pointers into observation.agents: the most urgent first, then the busiest.
std::vector<const agents::AgentSample*> WorstFirst(const agents::Observation& observation);

}  // namespace agent_exporter::serve

#endif  // AGENT_EXPORTER_SERVE_CONCERN_H_
