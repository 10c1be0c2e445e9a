// Finds what hooks wait for between two looks at sessions: on_waiting (a session needs its user) and
// on_stuck.
//
// Told once each time a session gets into the state; not for those that are in it as the exporter starts.
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
