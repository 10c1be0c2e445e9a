#include "sessions/one_look.h"

#include <utility>

#include "sessions/session_keeper.h"

namespace agent_exporter::sessions {
namespace {

// Enough for the longest file that is read as a whole.
constexpr int kMostLooks = 200;

}  // namespace

OneLook::OneLook(const SessionsConfig& config, std::vector<MetaOptions> meta, const std::string& procfs,
                 MetaReader::Log log)
    : reader_(meta, std::move(log)),
      book_({.procfs = procfs,
             .enabled = config.enabled,
             .reader = {.context_windows = config.context_windows},
             .meta = std::move(meta),
             .told = [this](const agents::AgentSample& agent) { return reader_.Read(agent); }}) {}

void OneLook::Look(const agents::Observation& observation) {
  view_ = book_.Look(observation);
  for (int looks = 1; !book_.caught_up() && looks < kMostLooks; ++looks) view_ = book_.Look(observation);
}

std::optional<AgentMeta> OneLook::Meta(const agents::AgentSample& agent) {
  return Combined(reader_.Read(agent), MetaOf(Sessions(agent)));
}

std::vector<Session> OneLook::Sessions(const agents::AgentSample& agent) const {
  return SessionsOf(view_, agent);
}

}  // namespace agent_exporter::sessions
