// Finds the sessions that have changed their state since the last look: on_waiting (a session needs its user)
// and on_stuck.
//
// Each time a session enters the state there is one event. Sessions that are in it when the exporter starts
// cause none.
//
// Thread safety: a free function.

#ifndef AGENT_EXPORTER_HOOKS_SESSION_EVENTS_H_
#define AGENT_EXPORTER_HOOKS_SESSION_EVENTS_H_

#include <functional>

#include "hooks/hook_pool.h"
#include "sessions/session.h"

namespace agent_exporter::hooks {

inline constexpr const char* kOnWaiting = "on_waiting";
inline constexpr const char* kOnStuck = "on_stuck";

// `tell` gets the events.
void TellSessionEvents(const sessions::SessionsView& before, const sessions::SessionsView& now,
                       const std::function<void(const HookEvent&)>& tell);

}  // namespace agent_exporter::hooks

#endif  // AGENT_EXPORTER_HOOKS_SESSION_EVENTS_H_
