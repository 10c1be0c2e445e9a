#include "hooks/agent_events.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "agents/resource_names.h"
#include "agents/sample_lookup.h"
#include "base/agent_names.h"
#include "base/label_value.h"
#include "serve/concern.h"

namespace agent_exporter::hooks {
namespace {

// What was absent for this long is news when it comes back.
constexpr double kForgetSeconds = 600;

HookEvent MakeEvent(std::string on, const agents::AgentSample& agent, double wall_seconds,
                    const std::string& message) {
  HookEvent event{.on = std::move(on), .agent = base::LabelValue(agent.name)};
  event.timestamp = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(wall_seconds)));
  event.details["message"] = message;
  if (!agent.kind.empty()) event.details["kind"] = base::LabelValue(agent.kind);
  if (!agent.slot.empty()) event.details["slot"] = base::LabelValue(agent.slot);
  event.environment.emplace_back("AGENT_EXPORTER_MESSAGE", message);
  return event;
}

void AddUse(const agents::ResourceUse& use, const agents::AgentSample& agent, HookEvent* event) {
  event->details["scope"] = Name(use.scope);
  event->details["resource"] = Name(use.resource);
  event->details["source"] = Name(use.source);
  event->details["used"] = use.used;
  event->details["limit"] = use.limit;
  event->details["used_ratio"] = use.ratio();
  const agents::ProcessSample* const holder = agents::FindProcess(agent, use.holder);
  if (holder == nullptr) return;
  event->details["holder"] = {
      {"pid", holder->key.pid}, {"comm", base::LabelValue(holder->comm)}, {"command", holder->command}};
  const bool kinds_matter = use.resource == agents::ResourceUse::Resource::kFds;
  if (kinds_matter && holder->descriptors != nullptr && holder->descriptors->whole) {
    event->details["holder"]["open_fds_by_kind"] = holder->descriptors->ByName();
  }
}

std::string Named(const agents::AgentSample& agent, const std::string& sentence) {
  return base::LabelValue(fmt::format("{}: {}", agent.name, sentence));
}

}  // namespace

bool AgentEvents::IsNew(Key key, int level, double now) {
  const auto [told, inserted] = told_.try_emplace(std::move(key));
  const bool is_new = inserted || level > told->second.level;
  told->second = {.level = std::max(level, told->second.level), .last_seen = now};
  return is_new;
}

void AgentEvents::TakeLimits(const agents::AgentSample& agent, const agents::Observation& observation) {
  const double now = observation.monotonic_seconds;
  // What the agent itself uses counts for its tree as well, and is told once.
  const auto key = [&agent](const char* event, const agents::ResourceUse& use) {
    return Key(event, agent.name, agent.kind, agent.slot, Name(use.resource));
  };
  for (const agents::LeakEvidence& leak : agent.leaks) {
    if (!IsNew(key(kOnLeak, leak.use), leak.page ? 2 : 1, now)) continue;
    HookEvent event =
        MakeEvent(kOnLeak, agent, observation.wall_seconds, Named(agent, serve::LeakSentence(agent, leak)));
    AddUse(leak.use, agent, &event);
    event.details["severity"] = leak.page ? "page" : "ticket";
    event.details["growth_per_second"] = leak.growth_per_second;
    event.details["seconds_to_limit"] = leak.seconds_to_limit;
    tell_(event);
  }
  for (const agents::ResourceUse& use : agent.resources) {
    if (use.ratio() < serve::kNearLimit || !IsNew(key(kOnNearLimit, use), 0, now)) continue;
    HookEvent event = MakeEvent(kOnNearLimit, agent, observation.wall_seconds,
                                Named(agent, serve::NearLimitSentence(agent, use)));
    AddUse(use, agent, &event);
    tell_(event);
  }
}

void AgentEvents::TakeExits(const agents::AgentSample& agent, const agents::Observation& observation) {
  for (const agents::RootExit& end : agent.ended) {
    if (!end.news) continue;
    const std::string_view category = ExitCategoryName(end.category);
    HookEvent event =
        MakeEvent(kOnExit, agent, observation.wall_seconds,
                  fmt::format("{}: pid {} ended: {}", base::LabelValue(agent.name), end.key.pid, category));
    event.details["pid"] = end.key.pid;
    event.details["comm"] = base::LabelValue(end.comm);
    event.details["category"] = category;
    event.environment.emplace_back("AGENT_EXPORTER_CATEGORY", category);
    tell_(event);
  }
}

void AgentEvents::TakeConditions(const agents::AgentSample& agent, const agents::Observation& observation,
                                 std::vector<ConditionState>* states) {
  nlohmann::ordered_json figures;
  const double now = observation.monotonic_seconds;
  for (const ConditionOptions& condition : conditions_) {
    if (!base::IsWantedAgent(condition.agents, agent.name)) continue;
    if (figures.is_null()) figures = ConditionFigures(agent);
    const std::optional<bool> holds = condition.when.Holds(figures);
    const Key key(ConditionEvent(condition.name), agent.name, agent.kind, agent.slot, "");
    if (!holds.value_or(false)) holding_.erase(key);
    if (!holds) continue;
    ConditionState& state = states->emplace_back();
    state.labels = collectors::AgentLabels(agent, {{"condition", condition.name}});
    if (!*holds) continue;
    Holding& holding = holding_.try_emplace(key, Holding{.since = now}).first->second;
    holding.last_seen = now;
    state.holds = now - holding.since >= std::chrono::duration<double>(condition.holds_for).count();
    if (!state.holds || std::exchange(holding.told, true)) continue;
    HookEvent event = MakeEvent(ConditionEvent(condition.name), agent, observation.wall_seconds,
                                fmt::format("{}: {}", base::LabelValue(agent.name), condition.name));
    event.details["condition"] = condition.name;
    tell_(event);
  }
}

void AgentEvents::Take(const agents::Observation& observation) {
  const double now = observation.monotonic_seconds;
  std::erase_if(told_, [now](const auto& entry) { return now - entry.second.last_seen > kForgetSeconds; });
  std::vector<ConditionState> states;
  for (const agents::AgentSample& agent : observation.agents) {
    TakeLimits(agent, observation);
    TakeExits(agent, observation);
    TakeConditions(agent, observation, &states);
  }
  // Of agents that are no longer shown.
  std::erase_if(holding_, [now](const auto& entry) { return entry.second.last_seen != now; });
  const std::lock_guard<std::mutex> lock(mutex_);
  states_ = std::move(states);
}

std::vector<AgentEvents::ConditionState> AgentEvents::conditions() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return states_;
}

}  // namespace agent_exporter::hooks
