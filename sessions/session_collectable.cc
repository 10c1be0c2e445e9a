#include "sessions/session_collectable.h"

#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "collectors/family.h"

namespace agent_exporter::sessions {
namespace {

using collectors::Family;
using collectors::Labels;

Labels LabelsOf(const AgentKey& key, Labels more) {
  agents::AgentSample agent;
  std::tie(agent.name, agent.kind, agent.slot) = key;
  return collectors::AgentLabels(agent, std::move(more));
}

// What the sessions beyond the named ones use together.
struct Others {
  std::optional<uint64_t> resident_bytes = 0;
  double cpu_ratio = 0;

  void Add(const Session& session) {
    cpu_ratio += session.cpu_ratio;
    resident_bytes = resident_bytes && session.resident_bytes
                         ? std::optional(*resident_bytes + *session.resident_bytes)
                         : std::nullopt;
  }
};

collectors::Families SessionFamilies(const SessionsView& view) {
  Family count = Family::Gauge("agent_sessions", "Sessions of the agent in this state.");
  Family info = Family::Gauge("agent_session_info", "A session: its process and its model.");
  Family state = Family::Gauge("agent_session_state",
                               "1 for the state that the session is in: working, waiting (for its user), "
                               "idle, stuck or ended.");
  Family context = Family::Gauge("agent_session_context_ratio",
                                 "Share of the model's context window that the session uses, 0 to 1.");
  Family activity = Family::Gauge("agent_session_last_activity_timestamp_seconds",
                                  "When the session last wrote something down.");
  Family subagents = Family::Gauge("agent_session_subagents", "Subagents that the session is running.");
  Family resident = Family::Gauge("agent_session_resident_memory_bytes",
                                  "Resident memory of the session's process and all below it.");
  Family cpu = Family::Gauge("agent_session_cpu_usage_ratio",
                             "CPU of the session's process and all below it: 1 is one full core.");
  std::map<AgentKey, Others> others;
  std::map<std::pair<AgentKey, SessionStatus>, uint64_t> counts;
  for (const Session& session : view.sessions) {
    if (session.status) ++counts[{session.agent_key(), *session.status}];
    if (session.name == kOtherSession) {
      others[session.agent_key()].Add(session);
      continue;
    }
    const auto labels = [&session](Labels more = {}) {
      more.insert(more.begin(), {"session", session.name});
      return LabelsOf(session.agent_key(), std::move(more));
    };
    if (session.status) state.Add(labels({{"state", std::string(Name(*session.status))}}), 1.0);
    if (session.status == SessionStatus::kEnded) continue;
    Labels about = {{"pid", std::to_string(session.key.pid)}};
    if (session.state.model) about.push_back({"model", *session.state.model});
    info.Add(labels(std::move(about)), 1.0);
    if (const auto ratio = session.context_ratio()) context.Add(labels(), *ratio);
    if (session.state.last_activity) activity.Add(labels(), *session.state.last_activity);
    subagents.Add(labels(), session.state.subagents);
    resident.Add(labels(), session.resident_bytes);
    cpu.Add(labels(), session.cpu_ratio);
  }
  for (const auto& [key, sums] : others) {
    resident.Add(LabelsOf(key, {{"session", std::string(kOtherSession)}}), sums.resident_bytes);
    cpu.Add(LabelsOf(key, {{"session", std::string(kOtherSession)}}), sums.cpu_ratio);
  }
  for (const auto& [key, number] : counts) {
    count.Add(LabelsOf(key.first, {{"state", std::string(Name(key.second))}}), number);
  }
  return collectors::Collected(count, info, state, context, activity, subagents, resident, cpu);
}

}  // namespace

collectors::Families SessionCollectable::Collect() const {
  const std::shared_ptr<const SessionsView> view = latest_();
  collectors::Families families = SessionFamilies(*view);
  Family tokens = Family::Counter("agent_tokens_total",
                                  "Tokens that the agent's sessions used since the exporter started. Each "
                                  "token counts in one type.");
  Family used = Family::Gauge("agent_plan_limit_used_ratio",
                              "Share of the account's limit for this window that is used up, as the agent "
                              "was told.");
  Family reset = Family::Gauge("agent_plan_limit_reset_timestamp_seconds",
                               "When the account's limit for this window starts anew.");
  Family reads = Family::Counter("agent_exporter_session_reads_total",
                                 "Attempts to read the files of sessions, by reader and result.");
  for (const auto& [key, counts] : view->tokens) {
    const std::pair<const char*, uint64_t> types[] = {{"input", counts.input},
                                                      {"output", counts.output},
                                                      {"cache_read", counts.cache_read},
                                                      {"cache_creation", counts.cache_creation},
                                                      {"reasoning", counts.reasoning}};
    for (const auto& [type, number] : types) {
      if (number > 0) tokens.Add(LabelsOf(key.first, {{"model", key.second}, {"type", type}}), number);
    }
  }
  for (const AccountLimit& limit : view->limits) {
    const Labels labels = LabelsOf({limit.agent, limit.kind, limit.slot}, {{"window", limit.limit.window}});
    used.Add(labels, limit.limit.used_ratio);
    if (limit.limit.reset_seconds) reset.Add(labels, *limit.limit.reset_seconds);
  }
  for (const auto& [key, number] : view->reads) {
    reads.Add({{"reader", key.first}, {"result", key.second}}, number);
  }
  for (auto& family : collectors::Collected(tokens, used, reset, reads))
    families.push_back(std::move(family));
  return families;
}

}  // namespace agent_exporter::sessions
