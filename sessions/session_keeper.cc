#include "sessions/session_keeper.h"

#include "absl/strings/str_cat.h"

namespace agent_exporter::sessions {

SessionKeeper::SessionKeeper(SessionBook::Options options, std::function<void(const std::string&)> log,
                             std::function<void(const SessionsView&, const SessionsView&)> looked,
                             base::System& system)
    : book_(std::move(options)),
      looked_(std::move(looked)),
      worker_(
          system, [this](const Tick& observation) { Look(*observation); },
          [log = std::move(log)](const absl::Status& refused) {
            if (log) log(absl::StrCat("sessions are not read for now: ", refused.message()));
          }) {}

SessionKeeper::View SessionKeeper::Latest() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return latest_;
}

std::vector<Session> SessionKeeper::Of(const agents::AgentSample& agent) const {
  return SessionsOf(*Latest(), agent);
}

void SessionKeeper::Look(const agents::Observation& observation) {
  auto now = std::make_shared<const SessionsView>(book_.Look(observation));
  View before;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    before = std::exchange(latest_, now);
  }
  if (looked_) looked_(*before, *now);
}

std::vector<Session> SessionsOf(const SessionsView& view, const agents::AgentSample& agent) {
  std::vector<Session> sessions;
  for (const Session& session : view.sessions) {
    if (session.agent == agent.name && session.kind == agent.kind && session.slot == agent.slot) {
      sessions.push_back(session);
    }
  }
  return sessions;
}

}  // namespace agent_exporter::sessions
