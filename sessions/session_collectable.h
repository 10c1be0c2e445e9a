// Metrics of sessions: agent_session_*, agent_sessions, agent_tokens_total, agent_plan_limit_* and
// agent_exporter_session_reads_total. Not a collector in the table, because this is not part of an
// Observation.
//
// Ownership: the keeper is shared, because a scrape that timed out may still run on its own thread.
// Thread safety: Collect may be called from any number of threads.

#ifndef AGENT_EXPORTER_SESSIONS_SESSION_COLLECTABLE_H_
#define AGENT_EXPORTER_SESSIONS_SESSION_COLLECTABLE_H_

#include <functional>
#include <memory>
#include <utility>

#include "collectors/collector.h"
#include "prometheus/collectable.h"
#include "sessions/session.h"

namespace agent_exporter::sessions {

class SessionCollectable : public prometheus::Collectable {
 public:
  explicit SessionCollectable(std::function<std::shared_ptr<const SessionsView>()> latest)
      : latest_(std::move(latest)) {}
  collectors::Families Collect() const override;

 private:
  const std::function<std::shared_ptr<const SessionsView>()> latest_;
};

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_SESSION_COLLECTABLE_H_
