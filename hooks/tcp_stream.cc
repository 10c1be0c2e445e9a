#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/descriptor.h"
#include "base/system.h"
#include "hooks/stream.h"

namespace agent_exporter::hooks {
namespace {

using namespace std::chrono_literals;

absl::Status Failure(const char* what, int error) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(error)));
}

// One getaddrinfo(3), which can neither be stopped nor given a deadline. So it has a thread of its own; the
// thread and whoever waits share this.
struct Lookup {
  std::string host, port;
  int error = 0;
  addrinfo* addresses = nullptr;
  base::Descriptor done{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};

  ~Lookup() {
    if (addresses != nullptr) ::freeaddrinfo(addresses);
  }
  void Run(int flags) {
    addrinfo hints = {};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags | AI_NUMERICSERV;
    error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &addresses);
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(done.get(), &one, sizeof one);
  }
};

absl::StatusOr<std::shared_ptr<Lookup>> LookUp(const std::string& host, const std::string& port,
                                               const Patience& patience) {
  auto lookup = std::make_shared<Lookup>();
  lookup->host = host;
  lookup->port = port;
  lookup->Run(AI_NUMERICHOST);  // an address needs no thread
  if (lookup->error == EAI_NONAME) {
    lookup->done = base::Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!lookup->done.ok()) return Failure("eventfd", errno);
    auto thread = base::System::Real().StartThread([lookup] { lookup->Run(AI_ADDRCONFIG); });
    if (!thread.ok()) return absl::UnavailableError(thread.status().message());
    thread->detach();
    if (absl::Status status = patience.WaitFor(lookup->done.get(), POLLIN); !status.ok()) return status;
    uint64_t count = 0;  // the read, not the poll, is what makes the thread's writes visible here
    if (::read(lookup->done.get(), &count, sizeof count) < 0) return Failure("eventfd", errno);
  }
  if (lookup->error != 0) {
    return absl::UnavailableError(absl::StrCat("cannot look up ", host, ": ", ::gai_strerror(lookup->error)));
  }
  return lookup;
}

class TcpStream : public Stream {
 public:
  TcpStream(base::Descriptor socket, const Patience& patience)
      : socket_(std::move(socket)), patience_(patience) {}

  absl::Status Send(std::string_view data) override {
    while (!data.empty()) {
      const ssize_t sent = ::send(socket_.get(), data.data(), data.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        data.remove_prefix(static_cast<size_t>(sent));
      } else if (absl::Status status = AfterError("sending", POLLOUT); !status.ok()) {
        return status;
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<size_t> Receive(char* data, size_t size) override {
    while (true) {
      const ssize_t got = ::recv(socket_.get(), data, size, 0);
      if (got >= 0) return static_cast<size_t>(got);
      if (absl::Status status = AfterError("receiving", POLLIN); !status.ok()) return status;
    }
  }

 private:
  absl::Status AfterError(const char* what, short events) const {
    if (errno == EINTR) return absl::OkStatus();
    if (errno != EAGAIN && errno != EWOULDBLOCK) return Failure(what, errno);
    return patience_.WaitFor(socket_.get(), events);
  }

  const base::Descriptor socket_;
  const Patience patience_;
};

// Unavailable if the next address is worth a try.
absl::StatusOr<std::unique_ptr<Stream>> ConnectTo(const addrinfo& address, const Patience& patience) {
  base::Descriptor socket(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.ok()) return Failure("socket", errno);
  if (::connect(socket.get(), address.ai_addr, address.ai_addrlen) != 0) {
    if (errno != EINPROGRESS) return Failure("connecting", errno);
    if (absl::Status status = patience.WaitFor(socket.get(), POLLOUT); !status.ok()) return status;
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) return Failure("connecting", error);
  }
  return std::make_unique<TcpStream>(std::move(socket), patience);
}

}  // namespace

absl::Status Patience::WaitFor(int fd, short events) const {
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left <= 0ms) return absl::DeadlineExceededError("no answer in time");
    struct pollfd polled[] = {{fd, events, 0}, {cancel_fd, POLLIN, 0}};
    const int ready = ::poll(polled, 2, static_cast<int>(std::min<int64_t>(left.count(), 60'000)));
    if (ready < 0 && errno != EINTR) return Failure("poll", errno);
    if (ready <= 0) continue;
    if (polled[1].revents != 0) return absl::CancelledError("ended early");
    return absl::OkStatus();
  }
}

absl::StatusOr<std::unique_ptr<Stream>> Connect(const std::string& host, const std::string& port,
                                                const Patience& patience) {
  auto lookup = LookUp(host, port, patience);
  if (!lookup.ok()) return lookup.status();
  absl::Status failed;
  for (const addrinfo* address = (*lookup)->addresses; address != nullptr; address = address->ai_next) {
    auto stream = ConnectTo(*address, patience);
    if (stream.ok() || !absl::IsUnavailable(stream.status())) return stream;
    failed = stream.status();
  }
  return failed;
}

}  // namespace agent_exporter::hooks
