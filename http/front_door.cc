#include "http/front_door.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/errno_status.h"

namespace agent_exporter::http {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t kWake = UINT64_MAX;
constexpr int kAcceptsAtOnce = 64;
constexpr std::chrono::milliseconds kLookEvery{100}, kBusyLookEvery{5};
constexpr std::size_t kTlsMessageBytes = 5 + (16 << 10);  // one record

// Empty if the client has gone.
std::string AddressOf(int fd) {
  sockaddr_storage address = {};
  socklen_t length = sizeof(address);
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return "";
  char text[INET6_ADDRSTRLEN] = {};
  const void* bytes =
      address.ss_family == AF_INET
          ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(&address)->sin_addr)
          : &reinterpret_cast<const sockaddr_in6*>(&address)->sin6_addr;
  inet_ntop(address.ss_family, bytes, text, sizeof(text));
  return text;
}

// 48 bits of a connection's number fit an address and a port.
sockaddr_in AddressFor(uint64_t id) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(static_cast<uint32_t>(id >> 16));
  address.sin_port = htons(static_cast<uint16_t>(id));
  return address;
}

uint64_t IdOf(const char* address, int port) {
  in_addr bytes = {};
  inet_pton(AF_INET, address, &bytes);
  return uint64_t{ntohl(bytes.s_addr)} << 16 | static_cast<uint16_t>(port);
}

// True once this end says that it sends no more, or the connection is over.
bool IsShut(int fd) {
  tcp_info info = {};
  socklen_t length = sizeof(info);
  return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 && info.tcpi_state != TCP_ESTABLISHED &&
         info.tcpi_state != TCP_CLOSE_WAIT;
}

std::mutex doors_mutex;
std::map<int, FrontDoor*>& Doors() {
  static auto* const kDoors = new std::map<int, FrontDoor*>();  // never destroyed: threads may still accept
  return *kDoors;
}

void Signal(const base::Descriptor& event) {
  const uint64_t one = 1;
  (void)!write(event.get(), &one, sizeof(one));
}

// Not with dup3(), because ThreadSanitizer would follow it: civetweb's thread closes `fd` without a lock of
// ours, after a stop that ThreadSanitizer cannot see in civetweb.
void Replace(int fd, const base::Descriptor& with) { syscall(SYS_dup3, with.get(), fd, O_CLOEXEC); }

}  // namespace

bool HeadHasArrived(std::string_view received, bool tls) {
  if (tls) {
    if (received.empty()) return false;
    if (received[0] != 0x16) return true;  // no handshake
    if (received.size() < 5) return false;
    const auto byte = [&](std::size_t i) -> std::size_t { return static_cast<unsigned char>(received[i]); };
    return received.size() >= 5 + byte(3) * 256 + byte(4);
  }
  // civetweb refuses control characters at once.
  const auto refused = [](char c) {
    return c != '\r' && c != '\n' && absl::ascii_iscntrl(static_cast<unsigned char>(c));
  };
  return received.find("\r\n\r\n") != std::string_view::npos ||
         received.find("\n\n") != std::string_view::npos ||
         std::any_of(received.begin(), received.end(), refused);
}

FrontDoor::~FrontDoor() {
  Close();
  const std::lock_guard<std::mutex> lock(doors_mutex);
  for (const int fd : civetweb_) Doors().erase(fd);
}

absl::Status FrontDoor::Start(std::vector<base::Descriptor>& listeners, const std::vector<int>& civetweb,
                              FrontDoorLimits limits) {
  limits_ = limits;
  head_.resize(limits.tls ? kTlsMessageBytes : static_cast<std::size_t>(limits.max_header_bytes));
  next_ = listeners.size();
  epoll_ = base::Descriptor(epoll_create1(EPOLL_CLOEXEC));
  wake_ = base::Descriptor(eventfd(0, EFD_CLOEXEC));
  ready_event_ = base::Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE));
  if (!epoll_.ok() || !wake_.ok() || !ready_event_.ok()) return base::ErrnoStatus(errno, "making an eventfd");
  epoll_event event = {.events = EPOLLIN, .data = {.u64 = kWake}};
  epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event);
  auto thread = system_.StartThread([this] { Loop(); });
  if (!thread.ok()) {
    const std::lock_guard<std::mutex> lock(doors_mutex);
    for (std::size_t i = 0; i < std::min(civetweb.size(), listeners.size()); ++i)
      Replace(civetweb[i], listeners[i]);
    return thread.status();
  }
  thread_ = *std::move(thread);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    listeners_ = std::move(listeners);
    for (uint64_t i = 0; i < listeners_.size(); ++i) {
      fcntl(listeners_[i].get(), F_SETFL, fcntl(listeners_[i].get(), F_GETFL) | O_NONBLOCK);
      event.data.u64 = i;
      epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listeners_[i].get(), &event);
    }
  }
  const std::lock_guard<std::mutex> lock(doors_mutex);
  for (const int fd : civetweb) {
    civetweb_.push_back(fd);
    Doors()[fd] = this;
    Replace(fd, ready_event_);
  }
  Signal(ready_event_);  // so that civetweb's wait, once it is woken, ends; TakeReady then finds nothing
  return absl::OkStatus();
}

void FrontDoor::Close() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (closed_) return;
    closed_ = true;
  }
  if (thread_.joinable()) {
    Signal(wake_);
    thread_.join();
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  connections_.clear();
  ready_.clear();
  listeners_.clear();
  Signal(ready_event_);  // stays readable, as TakeReady reads no more
}

std::optional<int> FrontDoor::Take(int civetweb, sockaddr* address, socklen_t* length) {
  FrontDoor* door = nullptr;
  {
    const std::lock_guard<std::mutex> lock(doors_mutex);
    const auto found = Doors().find(civetweb);
    if (found == Doors().end()) return std::nullopt;
    door = found->second;
  }
  return door->TakeReady(address, length);
}

// With TLS nobody has shown yet that it is no attacker, so the newest is first: an attacker's older ones do
// not make it wait. Whole requests take turns.
int FrontDoor::TakeReady(sockaddr* address, socklen_t* length) {
  const std::lock_guard<std::mutex> lock(mutex_);
  uint64_t count = 0;
  if (!closed_) (void)!read(ready_event_.get(), &count, sizeof(count));
  while (!ready_.empty()) {
    const uint64_t id = limits_.tls ? ready_.back() : ready_.front();
    limits_.tls ? ready_.pop_back() : ready_.pop_front();
    const auto found = connections_.find(id);
    if (found == connections_.end()) continue;  // shut meanwhile
    Connection& connection = found->second;
    const int fd = fcntl(connection.socket.get(), F_DUPFD_CLOEXEC, 0);  // civetweb's own
    if (fd < 0) {
      Drop(found);
      continue;
    }
    // The same again, because ThreadSanitizer knows this call, and so which sockets are civetweb's.
    dup3(connection.socket.get(), fd, O_CLOEXEC);
    CountWaiting(connection.address, -1);
    ++with_civetweb_;
    connection.stage = Stage::kWithCivetweb;
    const sockaddr_in name = AddressFor(id);
    std::memcpy(address, &name, std::min<std::size_t>(*length, sizeof(name)));
    *length = sizeof(name);
    return fd;
  }
  errno = EAGAIN;
  return -1;
}

void FrontDoor::Arrived(const char* address, int port) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = connections_.find(IdOf(address, port));
  if (found != connections_.end()) found->second.stage = Stage::kAnswering;
}

void FrontDoor::Closed(const char* address, int port) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (const auto found = connections_.find(IdOf(address, port)); found != connections_.end()) Drop(found);
}

void FrontDoor::Loop() {
  std::array<epoll_event, 64> events = {};
  while (true) {
    int wait = 0;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      wait = WaitMillis();
    }
    const int count = epoll_wait(epoll_.get(), events.data(), events.size(), wait);
    const std::lock_guard<std::mutex> lock(mutex_);
    if (closed_) return;
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      if (event.data.u64 < listeners_.size()) {
        Accept(event.data.u64);
        continue;
      }
      const auto found = connections_.find(event.data.u64);
      if (found == connections_.end() || found->second.stage != Stage::kWaiting) continue;
      LookAtHead(found);
      const auto still = connections_.find(event.data.u64);
      const bool ended = (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
      if (ended && still != connections_.end() && still->second.stage == Stage::kWaiting) Drop(still);
    }
    const Clock::time_point now = Clock::now();
    if (now - looked_ >= kBusyLookEvery) ShutLate(now);
  }
}

int FrontDoor::WaitMillis() const {
  if (connections_.empty() && !paused_) return -1;
  return static_cast<int>((Busy() ? kBusyLookEvery : kLookEvery).count());
}

bool FrontDoor::Busy() const { return with_civetweb_ >= limits_.threads - limits_.threads / 8; }

void FrontDoor::Accept(uint64_t listener) {
  for (int i = 0; i < kAcceptsAtOnce && !paused_; ++i) {
    base::Descriptor socket = system_.Accept(listeners_[listener].get());
    if (socket.ok()) {
      Admit(std::move(socket));
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      if (!EvictOne()) PauseListeners(true);
    } else if (errno != ECONNABORTED && errno != EINTR) {
      return;
    }
  }
}

void FrontDoor::Admit(base::Descriptor socket) {
  const int fd = socket.get();
  std::string address = AddressOf(fd);
  if (address.empty()) return;
  const uint64_t id = next_++;
  CountWaiting(address, 1);
  Connection connection{.address = std::move(address), .since = Clock::now(), .socket = std::move(socket)};
  const auto added = connections_.emplace(id, std::move(connection)).first;
  epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data = {.u64 = id}};
  epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
  LookAtHead(added);
  if (all_waiting_ > limits_.waiting) EvictOne();
}

void FrontDoor::LookAtHead(Connections::iterator connection) {
  const int fd = connection->second.socket.get();
  const ssize_t got = recv(fd, head_.data(), head_.size(), MSG_PEEK | MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    Drop(connection);
    return;
  }
  const auto size = static_cast<std::size_t>(got);
  if (size < head_.size() && !HeadHasArrived({head_.data(), size}, limits_.tls)) return;
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  connection->second.stage = Stage::kReady;
  ready_.push_back(connection->first);
  Signal(ready_event_);
}

// False if there is nobody to evict: what is here waits for civetweb.
bool FrontDoor::EvictOne() {
  const auto most = std::max_element(waiting_.begin(), waiting_.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == waiting_.end()) return false;
  const auto found = std::find_if(connections_.begin(), connections_.end(), [&](const auto& entry) {
    const Connection& connection = entry.second;
    return (connection.stage == Stage::kWaiting || (limits_.tls && connection.stage == Stage::kReady)) &&
           connection.address == most->first;
  });
  if (found == connections_.end()) return false;
  Drop(found);
  return true;
}

void FrontDoor::ShutLate(Clock::time_point now) {
  looked_ = now;
  if (paused_ && now >= *paused_) PauseListeners(false);
  for (auto it = connections_.begin(); it != connections_.end();) {
    Connection& connection = it->second;
    const bool here = connection.stage == Stage::kWaiting || connection.stage == Stage::kReady;
    const bool late = IsLate(connection, now);
    if (late && !here) shutdown(connection.socket.get(), SHUT_RDWR);  // civetweb notices and closes it
    it = (late && here) || (!here && IsShut(connection.socket.get())) ? Drop(it) : std::next(it);
  }
}

bool FrontDoor::IsLate(Connection& connection, Clock::time_point now) const {
  const bool whole_late = now - connection.since >= limits_.whole_request;
  switch (connection.stage) {
    case Stage::kWaiting:
      return whole_late;
    case Stage::kReady:
      return limits_.tls && whole_late;
    case Stage::kAnswering: {
      int unsent = 0;
      ioctl(connection.socket.get(), SIOCOUTQ, &unsent);
      if (unsent == 0 || unsent != connection.unsent) connection.moved = now;
      connection.unsent = unsent;
      return Busy() && now - connection.moved >= limits_.busy_reader;
    }
    case Stage::kWithCivetweb:
      break;
  }
  if (!limits_.tls) return false;  // its request is there, and civetweb has had no time for it
  int unread = 0;
  ioctl(connection.socket.get(), FIONREAD, &unread);
  if (unread == 0 && connection.drained == Clock::time_point()) connection.drained = now;
  return connection.drained != Clock::time_point() &&
         (whole_late || (Busy() && now - connection.drained >= limits_.busy_request));
}

FrontDoor::Connections::iterator FrontDoor::Drop(Connections::iterator connection) {
  const bool here = connection->second.stage == Stage::kWaiting || connection->second.stage == Stage::kReady;
  if (here) {
    CountWaiting(connection->second.address, -1);
  } else {
    --with_civetweb_;
  }
  return connections_.erase(connection);
}

void FrontDoor::CountWaiting(const std::string& address, int change) {
  all_waiting_ += change;
  if ((waiting_[address] += change) == 0) waiting_.erase(address);
}

// Without a descriptor to accept with, the listeners stay readable; waiting for them would be a busy loop.
void FrontDoor::PauseListeners(bool pause) {
  paused_ = pause ? std::optional(Clock::now() + kLookEvery) : std::nullopt;
  for (uint64_t i = 0; i < listeners_.size(); ++i) {
    epoll_event event = {.events = pause ? 0U : EPOLLIN, .data = {.u64 = i}};
    epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, listeners_[i].get(), &event);
  }
}

}  // namespace agent_exporter::http
