// Decides whether a session works, waits for its user, is idle or is stuck, from what its files say and from
// what its processes do. Neither is enough: no file tells that a process hangs, and no process tells that a
// question is open.
//
//   waiting  the files say so; or a command or an edit was called for 3 s or more ago and no process was
//   started for it:
//            the user has not allowed it yet
//   stuck    the files say that it works, and for 10 minutes no file has grown, no CPU was used and no
//   process
//            was started; or its process is stopped
//   working  the files say so; or they say nothing, and a file grows or its processes use CPU
//   idle     the files say so
//   unknown  the files say nothing and nothing moves
//
// Thread safety: values.

#ifndef AGENT_EXPORTER_SESSIONS_SESSION_ACTIVITY_H_
#define AGENT_EXPORTER_SESSIONS_SESSION_ACTIVITY_H_

#include <cstdint>
#include <optional>

#include "sessions/session.h"

namespace agent_exporter::sessions {

// The processes of a session at one look.
struct SessionTree {
  bool stopped = false;  // SIGSTOP, or a debugger
  double cpu_ratio = 0;
  std::optional<uint64_t> resident_bytes;
  std::optional<double> newest_child;  // when the youngest of the processes below it started, since the epoch
};

class SessionActivity {
 public:
  // `now` is monotonic, `wall` since the epoch.
  std::optional<SessionStatus> Judge(const SessionState& state, const SessionTree& tree, double now,
                                     double wall);

 private:
  std::optional<uint64_t> progress_;
  double moved_ = 0;  // when something last did
  double grew_ = 0;   // when its files last grew
};

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_SESSION_ACTIVITY_H_
