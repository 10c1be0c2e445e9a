// serve's side of the slot socket (run/slot_messages.h): any user may have processes watched that are their
// own children, which the kernel's word (SO_PEERCRED) and the given callback vouch for.
//
// At most 256 connections at once, 64 of each user but root. A connection that says nothing sensible is told
// so and closed, one that has not asked for anything within ten seconds is closed. While the system refuses
// to accept (no descriptors left), it is asked again only now and then; clients wait in the socket's queue.
//
// Ownership: owns its thread, its socket and the socket's file, which it removes when it stops.
// Thread safety: Start and Stop from one thread; callbacks come one at a time on the server's thread.

#ifndef AGENT_EXPORTER_RUN_SLOT_SERVER_H_
#define AGENT_EXPORTER_RUN_SLOT_SERVER_H_

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "base/descriptor.h"
#include "base/system.h"
#include "run/slot_messages.h"

namespace agent_exporter::run {

struct SlotPeer {
  pid_t pid = 0;
  uid_t uid = 0;
};

class SlotServer {
 public:
  struct Callbacks {
    // Checks the request against the peer and takes it on; its error is the peer's answer.
    std::function<absl::Status(const SlotPeer&, const SlotRequest&)> watch;
    std::function<SlotReport(const SlotRequest&, const SlotEnd&)> ended;
    // The peer hung up without telling of an end.
    std::function<void(const SlotRequest&)> lost;
    // When the system begins to refuse connections, and when it has stopped. Unset: nobody.
    std::function<void(const std::string&)> log;
  };

  struct Times {
    std::chrono::milliseconds request{10'000};    // until which a connection must have asked for something
    std::chrono::milliseconds accept_pause{500};  // after a refused accept
  };

  SlotServer(std::string path, Callbacks callbacks, base::System& system)
      : SlotServer(std::move(path), std::move(callbacks), system, Times()) {}
  SlotServer(std::string path, Callbacks callbacks, base::System& system, Times times);
  ~SlotServer();  // stops

  // Makes the socket, and its directory should that be missing. AlreadyExists: another serve listens there;
  // other errors name the path. A socket that nobody listens on is replaced.
  absl::Status Start();
  void Stop();

 private:
  struct Connection;
  using SteadyClock = std::chrono::steady_clock;

  void Loop();
  int MillisToNextDeadline() const;  // as poll(2) takes it
  void CloseHalfOpen();
  void Accept();
  bool Serve(Connection& connection);  // false: hang up
  std::optional<std::string> Answer(Connection& connection, const std::string& line);

  const std::string path_;
  const Callbacks callbacks_;
  base::System& system_;
  const Times times_;
  base::Descriptor socket_;
  base::Descriptor wake_;  // an eventfd
  std::list<Connection> connections_;
  SteadyClock::time_point accept_after_{};  // later than now: the last accept was refused
  bool refusing_ = false;                   // logged
  std::thread thread_;
};

}  // namespace agent_exporter::run

#endif  // AGENT_EXPORTER_RUN_SLOT_SERVER_H_
