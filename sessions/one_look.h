// Sessions and agent_meta for a command that looks once: reads all there is at once, and waits for it.
//
// Thread safety: none.

#ifndef AGENT_EXPORTER_SESSIONS_ONE_LOOK_H_
#define AGENT_EXPORTER_SESSIONS_ONE_LOOK_H_

#include <optional>
#include <string>
#include <vector>

#include "agents/observation.h"
#include "sessions/meta_reader.h"
#include "sessions/session_book.h"
#include "sessions/sessions_config.h"

namespace agent_exporter::sessions {

class OneLook {
 public:
  // `log` is told what cannot be read.
  OneLook(const SessionsConfig& config, std::vector<MetaOptions> meta, const std::string& procfs,
          MetaReader::Log log);

  void Look(const agents::Observation& observation);
  std::optional<AgentMeta> Meta(const agents::AgentSample& agent);
  std::vector<Session> Sessions(const agents::AgentSample& agent) const;

 private:
  MetaReader reader_;
  SessionBook book_;
  SessionsView view_;
};

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_ONE_LOOK_H_
