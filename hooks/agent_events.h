// Finds the events for hooks in each observation: on_leak, on_near_limit, on_exit, and conditions.
//
// A leak or a near limit triggers its event once, and again when a ticket becomes a page or when it comes
// back after ten minutes. A condition triggers its event when it has held for its time, and again only after
// it has stopped holding.
//
// Ownership: owns the conditions. Thread safety: Take from one thread (a Sampler's listener); conditions()
// from any.

#ifndef AGENT_EXPORTER_HOOKS_AGENT_EVENTS_H_
#define AGENT_EXPORTER_HOOKS_AGENT_EVENTS_H_

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "agents/observation.h"
#include "collectors/family.h"
#include "hooks/condition_config.h"
#include "hooks/hook_pool.h"

namespace agent_exporter::hooks {

inline constexpr const char* kOnLeak = "on_leak";
inline constexpr const char* kOnNearLimit = "on_near_limit";
inline constexpr const char* kOnExit = "on_exit";

class AgentEvents {
 public:
  // `tell` gets the events on the thread that calls Take; it must return at once.
  using Tell = std::function<void(const HookEvent&)>;
  AgentEvents(std::vector<ConditionOptions> conditions, Tell tell)
      : conditions_(std::move(conditions)), tell_(std::move(tell)) {}

  void Take(const agents::Observation& observation);

  struct ConditionState {
    collectors::Labels labels;  // the agent's and the condition's
    bool holds = false;
  };
  // The conditions in the last observation. A condition has no state if one of its figures is unknown.
  std::vector<ConditionState> conditions() const;

 private:
  // Identifies what an event is about: event, agent, kind, slot and more.
  using Key = std::tuple<std::string, std::string, std::string, std::string, std::string>;
  struct Told {
    int level = 0;
    double last_seen = 0;  // monotonic seconds
  };
  struct Holding {
    double since = 0;  // monotonic seconds
    bool told = false;
    double last_seen = 0;
  };

  void TakeLimits(const agents::AgentSample& agent, const agents::Observation& observation);
  void TakeExits(const agents::AgentSample& agent, const agents::Observation& observation);
  void TakeConditions(const agents::AgentSample& agent, const agents::Observation& observation,
                      std::vector<ConditionState>* states);
  bool IsNew(Key key, int level, double now);

  const std::vector<ConditionOptions> conditions_;
  const Tell tell_;
  std::map<Key, Told> told_;
  std::map<Key, Holding> holding_;
  mutable std::mutex mutex_;
  std::vector<ConditionState> states_;
};

}  // namespace agent_exporter::hooks

#endif  // AGENT_EXPORTER_HOOKS_AGENT_EVENTS_H_
