#include "http/late_sockets.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"

namespace agent_exporter::http {
namespace {

constexpr int kIdleMillis = 1000, kWatchMillis = 100, kBusyMillis = 5;

using NameOf = int(int, sockaddr*, socklen_t*);

// As civetweb writes it: an IPv4 client of a dual-stack socket is ::ffff:ADDRESS.
std::optional<LateSockets::Peer> Name(int fd, NameOf* name_of) {
  sockaddr_storage address = {};
  socklen_t length = sizeof(address);
  if (name_of(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return std::nullopt;
  char text[INET6_ADDRSTRLEN] = {};
  if (address.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address);
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
    return LateSockets::Peer(text, ntohs(v4->sin_port));
  }
  if (address.ss_family != AF_INET6) return std::nullopt;
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address);
  inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
  return LateSockets::Peer(text, ntohs(v6->sin6_port));
}

bool Has(const std::vector<int>& ports, int port) {
  return std::find(ports.begin(), ports.end(), port) != ports.end();
}

std::vector<int> OpenDescriptors() {
  std::vector<int> fds;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir("/proc/self/fd"), &closedir);
  if (directory == nullptr) return fds;
  while (const dirent* entry = readdir(directory.get())) {
    if (entry->d_name[0] != '.') fds.push_back(std::atoi(entry->d_name));
  }
  return fds;
}

bool IsListener(int fd) {
  int listens = 0;
  socklen_t size = sizeof(listens);
  return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens != 0;
}

// On a duplicate, because the descriptor may be another connection's by now.
void ShutDown(int fd, const LateSockets::Peer& peer) {
  const base::Descriptor held(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (held.ok() && Name(held.get(), &getpeername) == peer) shutdown(held.get(), SHUT_RDWR);
}

}  // namespace

absl::Status LateSockets::Start(std::vector<int> ports, LateLimits limits) {
  Stop();
  ports_ = std::move(ports);
  limits_ = limits;
  for (const int fd : OpenDescriptors()) {
    const auto local = Name(fd, &getsockname);
    if (local && Has(ports_, local->second) && IsListener(fd)) listeners_.push_back(fd);
  }
  wake_ = base::Descriptor(eventfd(0, EFD_CLOEXEC));
  if (!wake_.ok()) return absl::ErrnoToStatus(errno, "making an eventfd");
  auto thread = system_.StartThread([this] { Loop(); });
  if (!thread.ok()) return thread.status();
  thread_ = *std::move(thread);
  return absl::OkStatus();
}

void LateSockets::Stop() {
  if (thread_.joinable()) {
    const uint64_t one = 1;
    (void)!write(wake_.get(), &one, sizeof(one));
    thread_.join();
  }
  listeners_.clear();
  connections_.clear();
}

void LateSockets::Arrived(const Peer& peer) {
  const std::lock_guard<std::mutex> lock(mutex_);
  arrived_.insert(peer);
}

void LateSockets::Answered(const Peer& peer) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (const auto one = arrived_.find(peer); one != arrived_.end()) arrived_.erase(one);
}

// Nothing is to be done without connections: their arrival makes a listener readable.
void LateSockets::Loop() {
  while (true) {
    const bool idle = connections_.empty();
    const bool busy = static_cast<int>(connections_.size()) >= limits_.threads;
    std::vector<pollfd> fds = {{wake_.get(), POLLIN, 0}};
    if (idle) {
      for (const int fd : listeners_) fds.push_back({fd, POLLIN, 0});
    }
    poll(fds.data(), fds.size(), idle ? kIdleMillis : busy ? kBusyMillis : kWatchMillis);
    if (fds[0].revents != 0) return;
    Look();
  }
}

void LateSockets::Look() {
  const Clock::time_point now = Clock::now();
  std::map<int, Connection> seen;
  for (const int fd : OpenDescriptors()) {
    const auto local = Name(fd, &getsockname);
    if (!local || !Has(ports_, local->second)) continue;
    const auto peer = Name(fd, &getpeername);
    if (!peer) continue;  // a listener
    const auto known = connections_.find(fd);
    const bool same = known != connections_.end() && known->second.peer == *peer;
    seen[fd] = same ? known->second : Connection{.peer = *peer, .since = now};
  }
  connections_ = std::move(seen);
  std::multiset<Peer> arrived;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    arrived = arrived_;
  }
  const bool busy = static_cast<int>(connections_.size()) >= limits_.threads;
  for (auto& [fd, connection] : connections_) {
    if (IsLate(fd, connection, arrived.count(connection.peer) != 0, busy, now)) {
      ShutDown(fd, connection.peer);
    }
  }
}

bool LateSockets::IsLate(int fd, Connection& connection, bool arrived, bool busy,
                         Clock::time_point now) const {
  if (arrived) {
    int unsent = 0;
    ioctl(fd, SIOCOUTQ, &unsent);
    if (unsent == 0 || unsent != connection.unsent) connection.moved = now;
    connection.unsent = unsent;
    return busy && now - connection.moved >= limits_.busy_reader;
  }
  if (now - connection.since >= limits_.whole_request) return true;
  int unread = 0;
  ioctl(fd, FIONREAD, &unread);
  // Unread bytes: no thread has had time for it, which is not the client's fault.
  if (unread == 0 && connection.drained == Clock::time_point()) connection.drained = now;
  return busy && connection.drained != Clock::time_point() &&
         now - connection.drained >= limits_.busy_request;
}

}  // namespace agent_exporter::http
