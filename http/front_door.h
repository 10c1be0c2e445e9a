// Accepts the connections of the HTTP server and gives civetweb only those whose request is there.
//
// civetweb gives each connection a thread, so clients that send their request slowly, or never, would hold
// all of them. Here one thread accepts, waits until the head of the request has arrived (or, with TLS, the
// client's first message) and only then lets civetweb have the connection:
//   - a whole request must arrive within `whole_request`;
//   - of `waiting` clients too many, the oldest of the address that has most loses its connection;
//   - while nearly all of civetweb's threads are taken, a client must send the rest of its request (TLS: what
//     follows the first message) within `busy_request`, and must not stop reading its answer for
//     `busy_reader`.
// Honest clients send a request in one piece and read what they asked for, so they notice nothing.
//
// How: civetweb takes no connections from others, but it calls accept(2), a function of a library. Its
// listening sockets are replaced with an eventfd, and the program's own accept() (front_door_accept.cc) takes
// connections from here when it is called with one of those. In place of the client's address civetweb gets a
// number, by which it and this talk about the connection.
//
// Thread safety: Arrived, Closed and Take from any thread; the rest from one.

#ifndef AGENT_EXPORTER_HTTP_FRONT_DOOR_H_
#define AGENT_EXPORTER_HTTP_FRONT_DOOR_H_

#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "base/descriptor.h"
#include "base/system.h"

namespace agent_exporter::http {

struct FrontDoorLimits {
  int threads = 64;    // of civetweb
  int waiting = 1024;  // clients whose request is not there yet
  int max_header_bytes = 8192;
  bool tls = false;
  std::chrono::milliseconds whole_request{5000};
  std::chrono::milliseconds busy_request{50};
  std::chrono::milliseconds busy_reader{500};
};

// True if nothing more has to arrive before civetweb can answer: the head of a request is whole, or no
// request begins like this. With TLS: the same for the client's first message.
bool HeadHasArrived(std::string_view received, bool tls);

class FrontDoor {
 public:
  explicit FrontDoor(base::System& system) : system_(system) {}
  // civetweb must have stopped.
  ~FrontDoor();
  FrontDoor(const FrontDoor&) = delete;
  FrontDoor& operator=(const FrontDoor&) = delete;

  // Accepts from `listeners`, which it takes, and replaces `civetweb`, the descriptors that civetweb polls
  // and accepts from. ResourceExhausted without a thread: civetweb then accepts from `listeners` itself.
  absl::Status Start(std::vector<base::Descriptor>& listeners, const std::vector<int>& civetweb,
                     FrontDoorLimits limits);
  // Closes all connections that civetweb does not have, and the listeners. civetweb's waits end.
  void Close();

  // As accept(2), with the connection's number as the address. Nothing if `civetweb` is no door's.
  static std::optional<int> Take(int civetweb, sockaddr* address, socklen_t* length);

  // Call these when civetweb has read a whole request, and before it closes a connection, with the client's
  // address and port as civetweb knows them. (It does not tell the client's if a handshake fails.)
  void Arrived(const char* address, int port);
  void Closed(const char* address, int port);

 private:
  using Clock = std::chrono::steady_clock;
  enum class Stage { kWaiting, kReady, kWithCivetweb, kAnswering };
  struct Connection {
    std::string address;
    Clock::time_point since;
    Stage stage = Stage::kWaiting;
    base::Descriptor socket;      // civetweb has another of its own
    Clock::time_point drained{};  // when civetweb had read all that had come
    int unsent = 0;               // bytes that the client has not taken
    Clock::time_point moved{};    // when that changed
  };
  using Connections = std::map<uint64_t, Connection>;  // the oldest first

  int TakeReady(sockaddr* address, socklen_t* length);
  void Loop();
  int WaitMillis() const;
  void Accept(uint64_t listener);
  void Admit(base::Descriptor socket);
  void LookAtHead(Connections::iterator connection);
  bool EvictOne();
  void ShutLate(Clock::time_point now);
  bool IsLate(Connection& connection, Clock::time_point now) const;
  bool Busy() const;
  Connections::iterator Drop(Connections::iterator connection);
  void CountWaiting(const std::string& address, int change);
  void PauseListeners(bool pause);

  base::System& system_;
  FrontDoorLimits limits_;
  std::vector<int> civetweb_;
  base::Descriptor epoll_, wake_, ready_event_;  // ready_event_ counts ready_
  std::thread thread_;
  std::string head_;  // room to look at a head

  std::mutex mutex_;  // guards the rest
  bool closed_ = false;
  std::vector<base::Descriptor> listeners_;
  uint64_t next_ = 0;  // the number of the next connection; below are the listeners'
  Connections connections_;
  std::deque<uint64_t> ready_;
  std::map<std::string, int> waiting_;  // here, by address
  int all_waiting_ = 0;
  int with_civetweb_ = 0;
  Clock::time_point looked_{};
  std::optional<Clock::time_point> paused_;  // until when nothing is accepted: there was no descriptor
};

}  // namespace agent_exporter::http

#endif  // AGENT_EXPORTER_HTTP_FRONT_DOOR_H_
