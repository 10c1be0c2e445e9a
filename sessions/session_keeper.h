// Looks at the sessions on a thread of its own after every tick, so that neither a tick nor a scrape waits
// for a file, and keeps what the newest look found.
//
// Thread safety: all public methods may be called from any thread.

#ifndef AGENT_EXPORTER_SESSIONS_SESSION_KEEPER_H_
#define AGENT_EXPORTER_SESSIONS_SESSION_KEEPER_H_

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agents/observation.h"
#include "base/newest_worker.h"
#include "base/system.h"
#include "sessions/session.h"
#include "sessions/session_book.h"

namespace agent_exporter::sessions {

class SessionKeeper {
 public:
  using View = std::shared_ptr<const SessionsView>;
  // `log` is told if there is no thread to look on; each observation tries again. `looked`, on that thread,
  // gets what was found before and now.
  SessionKeeper(SessionBook::Options options, std::function<void(const std::string&)> log,
                std::function<void(const SessionsView& before, const SessionsView& now)> looked = nullptr,
                base::System& system = base::System::Real());
  SessionKeeper(const SessionKeeper&) = delete;
  SessionKeeper& operator=(const SessionKeeper&) = delete;

  // For Sampler::AddListener. Returns at once.
  void Enqueue(std::shared_ptr<const agents::Observation> observation) {
    worker_.Submit(std::move(observation));
  }
  // Never null.
  View Latest() const;
  // Of one agent, by name, kind and slot.
  std::vector<Session> Of(const agents::AgentSample& agent) const;

 private:
  using Tick = std::shared_ptr<const agents::Observation>;
  void Look(const agents::Observation& observation);

  SessionBook book_;  // used only by the thread
  const std::function<void(const SessionsView&, const SessionsView&)> looked_;
  mutable std::mutex mutex_;
  View latest_ = std::make_shared<SessionsView>();
  base::NewestWorker<Tick> worker_;
};

// Those of one agent in a view.
std::vector<Session> SessionsOf(const SessionsView& view, const agents::AgentSample& agent);

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_SESSION_KEEPER_H_
