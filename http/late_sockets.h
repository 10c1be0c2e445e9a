// Shuts the connections of clients that are late, so that they do not hold civetweb's threads.
//
// civetweb gives each connection a thread and has no deadline for a TLS handshake or for a client that sends
// a byte now and then. This looks at the server's sockets from outside:
//   - a request must have arrived whole within `whole_request` of the connection;
//   - while all threads are busy, a connection whose bytes were all read must have sent its whole request
//     within `busy_request`, and a client must not stop reading its answer for `busy_reader`.
// Honest clients send a request in one piece, so they notice nothing.
//
// Thread safety: Arrived and Answered from any thread; Start and Stop from one.

#ifndef AGENT_EXPORTER_HTTP_LATE_SOCKETS_H_
#define AGENT_EXPORTER_HTTP_LATE_SOCKETS_H_

#include <chrono>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/descriptor.h"
#include "base/system.h"

namespace agent_exporter::http {

struct LateLimits {
  std::chrono::milliseconds whole_request{5000};
  std::chrono::milliseconds busy_request{20};  // more with TLS, whose handshake needs round trips
  std::chrono::milliseconds busy_reader{500};
  int threads = 64;  // connections from which on the server is busy
};

class LateSockets {
 public:
  // The address and port of a client.
  using Peer = std::pair<std::string, int>;

  explicit LateSockets(base::System& system) : system_(system) {}
  ~LateSockets() { Stop(); }
  LateSockets(const LateSockets&) = delete;
  LateSockets& operator=(const LateSockets&) = delete;

  // `ports`: those that the server listens on. ResourceExhausted without a thread: clients then have
  // civetweb's own time limits only.
  absl::Status Start(std::vector<int> ports, LateLimits limits);
  void Stop();

  // Call these when the whole request of a client is there, and when its answer was sent.
  void Arrived(const Peer& peer);
  void Answered(const Peer& peer);

 private:
  using Clock = std::chrono::steady_clock;
  struct Connection {
    Peer peer;
    Clock::time_point since;
    Clock::time_point drained{};  // when all its bytes were read for the first time
    int unsent = 0;               // bytes that the client has not taken
    Clock::time_point moved{};    // when that changed
  };

  void Loop();
  void Look();
  bool IsLate(int fd, Connection& connection, bool arrived, bool busy, Clock::time_point now) const;

  base::System& system_;
  std::vector<int> ports_;
  std::vector<int> listeners_;  // civetweb's descriptors
  LateLimits limits_;
  std::map<int, Connection> connections_;  // by descriptor
  base::Descriptor wake_;                  // an eventfd
  std::thread thread_;
  std::mutex mutex_;
  std::multiset<Peer> arrived_;
};

}  // namespace agent_exporter::http

#endif  // AGENT_EXPORTER_HTTP_LATE_SOCKETS_H_
