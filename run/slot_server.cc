#include "run/slot_server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "run/name_claims.h"
#include "run/session_client.h"

namespace agent_exporter::run {
namespace {

constexpr size_t kMaxConnections = 256;
constexpr size_t kMaxOfOneUser = 64;
constexpr double kRateOfOneUser = 20, kRateOfAll = 100;
constexpr int kTurnedAwayAtOnce = 64;
constexpr std::chrono::milliseconds kTurnedAwayPause{50};
constexpr size_t kMaxRates = 1024;  // users whose rate is kept

}  // namespace

struct SlotServer::Connection {
  base::Descriptor socket;
  SlotPeer peer;
  std::string received;
  std::optional<SlotRequest> request;
  bool ended = false;
  SteadyClock::time_point opened = SteadyClock::now();
};

SlotServer::SlotServer(std::string path, Callbacks callbacks, base::System& system, Times times)
    : path_(std::move(path)),
      callbacks_(std::move(callbacks)),
      system_(system),
      times_(times),
      rate_of_all_(kRateOfAll, kRateOfAll) {}

SlotServer::~SlotServer() { Stop(); }

absl::Status SlotServer::Start() {
  const auto address = SlotAddress(path_);
  if (!address.ok()) return address.status();
  const auto* name = reinterpret_cast<const sockaddr*>(&*address);
  std::error_code ignored;  // bind reports the error
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), ignored);

  base::Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.ok()) return absl::ErrnoToStatus(errno, "making a socket");
  if (bind(socket.get(), name, sizeof(*address)) != 0) {
    if (errno != EADDRINUSE) return absl::ErrnoToStatus(errno, absl::StrCat("cannot listen at ", path_));
    const base::Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (connect(probe.get(), name, sizeof(*address)) == 0) {
      return absl::AlreadyExistsError(absl::StrCat("another agent_exporter listens at ", path_));
    }
    struct stat info{};
    if (errno != ECONNREFUSED || lstat(path_.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) {
      return absl::FailedPreconditionError(
          absl::StrCat(path_, " is there and is no socket of ours; remove it"));
    }
    unlink(path_.c_str());
    if (bind(socket.get(), name, sizeof(*address)) != 0) {
      return absl::ErrnoToStatus(errno, absl::StrCat("cannot listen at ", path_));
    }
  }
  // Anybody may connect; a process is watched only for its own parent.
  chmod(path_.c_str(), 0666);
  if (listen(socket.get(), 64) != 0)
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot listen at ", path_));
  wake_ = base::Descriptor(eventfd(0, EFD_CLOEXEC));
  if (!wake_.ok()) return absl::ErrnoToStatus(errno, "making an eventfd");
  socket_ = std::move(socket);
  auto thread = system_.StartThread([this] { Loop(); });
  if (!thread.ok()) {
    unlink(path_.c_str());
    socket_.Close();
    return thread.status();
  }
  thread_ = *std::move(thread);
  return absl::OkStatus();
}

void SlotServer::Stop() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  (void)!write(wake_.get(), &one, sizeof(one));
  thread_.join();
  connections_.clear();
  unlink(path_.c_str());
  socket_.Close();
}

void SlotServer::Loop() {
  while (true) {
    // poll(2) ignores a negative descriptor.
    const bool pausing = SteadyClock::now() < accept_after_;
    std::vector<pollfd> fds = {{wake_.get(), POLLIN, 0}, {pausing ? -1 : socket_.get(), POLLIN, 0}};
    for (const Connection& connection : connections_) fds.push_back({connection.socket.get(), POLLIN, 0});
    if (poll(fds.data(), fds.size(), MillisToNextDeadline()) < 0) continue;
    if (fds[0].revents != 0) return;
    auto at = connections_.begin();
    for (size_t i = 2; i < fds.size(); ++i) {
      const bool goes_on = fds[i].revents == 0 || Serve(*at);
      if (!goes_on && at->request && !at->ended) callbacks_.lost(at->peer, *at->request);
      at = goes_on ? std::next(at) : connections_.erase(at);
    }
    CloseHalfOpen();
    if (fds[1].revents != 0) Accept();
  }
}

int SlotServer::MillisToNextDeadline() const {
  const auto now = SteadyClock::now();
  auto next = SteadyClock::time_point::max();
  if (now < accept_after_) next = accept_after_;
  for (const Connection& connection : connections_) {
    if (!connection.request) next = std::min(next, connection.opened + times_.request);
  }
  if (next == SteadyClock::time_point::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - now).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 60'000));
}

void SlotServer::CloseHalfOpen() {
  const auto now = SteadyClock::now();
  connections_.remove_if([&](const Connection& connection) {
    return !connection.request && now - connection.opened >= times_.request;
  });
}

void SlotServer::Accept() {
  Connection connection;
  connection.socket = system_.Accept(socket_.get());
  const int error = connection.socket.ok() ? 0 : errno;
  // The rest waits in the queue, and poll would report it again and again.
  if (error != 0 && error != EAGAIN && error != EINTR && error != ECONNABORTED) {
    accept_after_ = SteadyClock::now() + times_.accept_pause;
    if (!std::exchange(refusing_, true) && callbacks_.log) {
      callbacks_.log(absl::StrCat("no runs are accepted at ", path_, " for now: ", strerror(error)));
    }
  }
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (!connection.socket.ok() ||
      getsockopt(connection.socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return;
  }
  if (std::exchange(refusing_, false) && callbacks_.log) {
    callbacks_.log(absl::StrCat("runs are accepted again at ", path_));
  }
  if (!MayAsk(peer.uid)) {
    if (++turned_away_ % kTurnedAwayAtOnce == 0) accept_after_ = SteadyClock::now() + kTurnedAwayPause;
    return;
  }
  connection.peer = {peer.pid, peer.uid};
  const auto of_user = std::count_if(connections_.begin(), connections_.end(),
                                     [&](const Connection& other) { return other.peer.uid == peer.uid; });
  if (connections_.size() >= kMaxConnections ||
      (peer.uid != 0 && static_cast<size_t>(of_user) >= kMaxOfOneUser)) {
    const std::string no =
        SlotReplyLine(absl::ResourceExhaustedError("too many slots are handed over already"));
    (void)!send(connection.socket.get(), no.data(), no.size(), MSG_NOSIGNAL);
    return;
  }
  connections_.push_back(std::move(connection));
}

bool SlotServer::MayAsk(uid_t uid) {
  if (IsTrustedUser(uid)) return true;
  const auto now = SteadyClock::now();
  if (rates_.size() >= kMaxRates)
    std::erase_if(rates_, [now](const auto& rate) { return rate.second.Full(now); });
  TokenBucket& rate = rates_.try_emplace(uid, kRateOfOneUser, kRateOfOneUser).first->second;
  return rate.Take(now) && rate_of_all_.Take(now);
}

bool SlotServer::Serve(Connection& connection) {
  char buffer[4096];
  const ssize_t got = recv(connection.socket.get(), buffer, sizeof(buffer), 0);
  if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
  connection.received.append(buffer, static_cast<size_t>(got));
  for (size_t end; (end = connection.received.find('\n')) != std::string::npos;) {
    const std::string line = connection.received.substr(0, end);
    connection.received.erase(0, end + 1);
    if (!connection.request && callbacks_.answer) {
      if (const auto question = ParseQuestion(line)) {
        AnswerQuestion(connection.socket.get(), connection.peer.uid, *question, callbacks_.answer);
        return false;
      }
    }
    const std::optional<std::string> answer = Answer(connection, line);
    if (!answer) return false;
    // A peer that does not read its answer must not delay the others.
    if (send(connection.socket.get(), answer->data(), answer->size(), MSG_NOSIGNAL | MSG_DONTWAIT) !=
        static_cast<ssize_t>(answer->size())) {
      return false;
    }
    if (!connection.request || connection.ended) return false;  // refused, or done
  }
  return connection.received.size() <= kLongestSlotRequest;
}

std::optional<std::string> SlotServer::Answer(Connection& connection, const std::string& line) {
  if (!connection.request) {
    if (callbacks_.sessions && IsSessionsRequest(line)) return callbacks_.sessions(connection.peer);
    auto request = ParseSlotRequest(line);
    if (!request.ok()) return SlotReplyLine(request.status());
    const absl::Status status = callbacks_.watch(connection.peer, *request);
    if (status.ok()) connection.request = *std::move(request);
    return SlotReplyLine(status);
  }
  const auto end = ParseSlotEnd(line);
  if (!end.ok()) return std::nullopt;
  connection.ended = true;
  return SlotReportLine(callbacks_.ended(*connection.request, *end));
}

}  // namespace agent_exporter::run
