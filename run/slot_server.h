// serve's side of the slot socket (run/slot_messages.h): any user may have processes watched that are their
// own children, which the kernel's word (SO_PEERCRED) and the given callback vouch for.
//
// At most 256 connections at once, 64 of each user but root. A connection that says nothing sensible is told
// so and closed.
//
// Ownership: owns its thread, its socket and the socket's file, which it removes when it stops.
// Thread safety: Start and Stop from one thread; callbacks come one at a time on the server's thread.

#ifndef AGENT_EXPORTER_RUN_SLOT_SERVER_H_
#define AGENT_EXPORTER_RUN_SLOT_SERVER_H_

#include <sys/types.h>

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "base/descriptor.h"
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
  };

  SlotServer(std::string path, Callbacks callbacks);
  ~SlotServer();  // stops

  // Makes the socket, and its directory should that be missing. AlreadyExists: another serve listens there;
  // other errors name the path. A socket that nobody listens on is replaced.
  absl::Status Start();
  void Stop();

 private:
  struct Connection;

  void Loop();
  void Accept();
  bool Serve(Connection& connection);  // false: hang up
  std::optional<std::string> Answer(Connection& connection, const std::string& line);

  const std::string path_;
  const Callbacks callbacks_;
  base::Descriptor socket_;
  base::Descriptor wake_;  // an eventfd
  std::list<Connection> connections_;
  std::thread thread_;
};

}  // namespace agent_exporter::run

#endif  // AGENT_EXPORTER_RUN_SLOT_SERVER_H_
