// serve's side of the slot socket (run/slot_messages.h). Any user may ask serve to watch their own child
// processes; the kernel (SO_PEERCRED) and the given callback check that.
//
// At most 256 connections at once, 64 for each user but root. Users other than root and serve's own may ask
// 20 times a second each and 100 times in all; whoever asks more often gets no answer, and costs little: then
// 64 connections at most are looked at every 50 ms. A malformed request gets an error and the connection is
// closed, and so is one without a request within ten seconds. If accept fails (no descriptors left), the
// server retries after a pause; clients wait in the socket's queue.
//
// Ownership: owns its thread, its socket and the socket's file, which it removes when it stops.
// Thread safety: Start and Stop from one thread; callbacks come one at a time on the server's thread.

#ifndef AGENT_EXPORTER_RUN_SLOT_SERVER_H_
#define AGENT_EXPORTER_RUN_SLOT_SERVER_H_

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "base/descriptor.h"
#include "base/system.h"
#include "run/ask.h"
#include "run/slot_messages.h"
#include "run/token_bucket.h"

namespace agent_exporter::run {

struct SlotPeer {
  pid_t pid = 0;
  uid_t uid = 0;
};

class SlotServer {
 public:
  struct Callbacks {
    // Checks the request and starts watching. An error is sent to the peer.
    std::function<absl::Status(const SlotPeer&, const SlotRequest&)> watch;
    std::function<SlotReport(const SlotRequest&, const SlotEnd&)> ended;
    // The peer hung up without reporting an end.
    std::function<void(const SlotPeer&, const SlotRequest&)> lost;
    // The line that answers who asks for the sessions (run/session_client.h). May be empty.
    std::function<std::string(const SlotPeer&)> sessions;
    // Answers the program's other commands (run/ask.h). May be empty.
    Answerer answer;
    // Called when accepting connections begins to fail, and when it works again. May be empty.
    std::function<void(const std::string&)> log;
  };

  struct Times {
    std::chrono::milliseconds request{10'000};    // how long a connection may take to send a request
    std::chrono::milliseconds accept_pause{500};  // after a refused accept
  };

  SlotServer(std::string path, Callbacks callbacks, base::System& system)
      : SlotServer(std::move(path), std::move(callbacks), system, Times()) {}
  SlotServer(std::string path, Callbacks callbacks, base::System& system, Times times);
  ~SlotServer();  // stops

  // Creates the socket, and its directory if missing. AlreadyExists: another serve listens there. Other
  // errors name the path. Replaces a socket that nobody listens on.
  absl::Status Start();
  void Stop();

 private:
  struct Connection;
  using SteadyClock = std::chrono::steady_clock;

  void Loop();
  int MillisToNextDeadline() const;  // as poll(2) takes it
  void CloseHalfOpen();
  void Accept();
  bool MayAsk(uid_t uid);
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
  std::map<uid_t, TokenBucket> rates_;
  TokenBucket rate_of_all_;
  int turned_away_ = 0;
  std::thread thread_;
};

}  // namespace agent_exporter::run

#endif  // AGENT_EXPORTER_RUN_SLOT_SERVER_H_
