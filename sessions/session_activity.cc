#include "sessions/session_activity.h"

namespace agent_exporter::sessions {
namespace {

constexpr double kStuckSeconds = 600;
// How long a command that is allowed takes to become a process.
constexpr double kApprovalSeconds = 3;
// Without a word from the files: how long a file that grew counts as growing.
constexpr double kGrowingSeconds = 10;
// Programs that wait for a key still draw and poll.
constexpr double kQuietCpu = 0.02;
constexpr double kBusyCpu = 0.2;
// The start of a process is known to a hundredth of a second, the boot time to a second.
constexpr double kClockSlack = 1.5;

bool HasChildSince(const SessionTree& tree, double time) {
  return tree.newest_child && *tree.newest_child >= time - kClockSlack;
}

}  // namespace

std::optional<SessionStatus> SessionActivity::Judge(const SessionState& state, const SessionTree& tree,
                                                    double now, double wall) {
  const bool first = !progress_;
  if (first || *progress_ != state.progress) {
    grew_ = first ? now - kGrowingSeconds : now;
    moved_ = now;
    progress_ = state.progress;
  }
  // A child older than the newest line was there before: a language server, say, and no command under way.
  const bool child = HasChildSince(tree, state.tool_since.value_or(state.last_activity.value_or(wall)));
  if (child || tree.cpu_ratio >= kQuietCpu) moved_ = now;

  if (!state.claim) {
    const bool busy = tree.cpu_ratio >= kBusyCpu || now - grew_ < kGrowingSeconds;
    return busy ? std::optional(SessionStatus::kWorking) : std::nullopt;
  }
  // What was started after the turn ended by its file, which some agents write late.
  const bool late = *state.claim == SessionStatus::kIdle && !state.settled && child && state.last_activity;
  if (late) return SessionStatus::kWorking;
  if (*state.claim != SessionStatus::kWorking) return state.claim;
  if (tree.stopped) return SessionStatus::kStuck;
  if (state.local_tool && !state.settled && state.tool_since && !child &&
      wall - *state.tool_since >= kApprovalSeconds) {
    return SessionStatus::kWaiting;
  }
  return now - moved_ >= kStuckSeconds ? SessionStatus::kStuck : SessionStatus::kWorking;
}

}  // namespace agent_exporter::sessions
