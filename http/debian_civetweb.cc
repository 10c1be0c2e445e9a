#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/descriptor.h"
#include "http/civetweb_gaps.h"
#include "tls_stubs/libcrypto_stub.h"
#include "tls_stubs/libssl_stub.h"

namespace agent_exporter::http {
namespace {

constexpr std::chrono::milliseconds kStopSweep{50};
constexpr rlim_t kMaxSweptFd = 65536;

// Loads a library from memory, so that the program remains a single file. After that the loader knows the
// library by its SONAME and returns it for every dlopen of that name. The library is never closed. The caller
// keeps *file open until both libraries are loaded, because the loader takes the same path for the same
// library.
absl::Status LoadFromMemory(const char* name, const unsigned char* bytes, size_t size,
                            base::Descriptor* file) {
  *file = base::Descriptor(::memfd_create(name, MFD_CLOEXEC));
  if (!file->ok()) return absl::UnavailableError(absl::StrCat("memfd_create: ", std::strerror(errno)));
  if (::write(file->get(), bytes, size) != static_cast<ssize_t>(size)) {
    return absl::UnavailableError(absl::StrCat("writing ", name, " to memory: ", std::strerror(errno)));
  }
  if (::dlopen(absl::StrCat("/proc/self/fd/", file->get()).c_str(), RTLD_NOW | RTLD_LOCAL) == nullptr) {
    return absl::UnavailableError(absl::StrCat("loading ", name, ": ", ::dlerror()));
  }
  return absl::OkStatus();
}

bool HasLocalPort(int fd, const std::vector<int>& ports) {
  sockaddr_storage address = {};
  socklen_t length = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return false;
  // The port is at the same offset in both families.
  static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
  if (address.ss_family != AF_INET && address.ss_family != AF_INET6) return false;
  const int port = ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
  return std::find(ports.begin(), ports.end(), port) != ports.end();
}

bool ListensNow(int fd) {
  int listening = 0;
  socklen_t length = sizeof(listening);
  return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == 0 && listening != 0;
}

// Shuts down every socket of this process on one of our ports: listeners and accepted connections. civetweb
// checks its stop flag only between waits of up to two seconds, and has no call that returns its sockets.
// Shutting them down ends the waits.
void ShutDownSockets(const std::vector<int>& ports, bool shared) {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  const int end = static_cast<int>(std::min(limit.rlim_cur, kMaxSweptFd));
  for (int fd = 0; fd < end; ++fd) {
    if (!HasLocalPort(fd, ports)) continue;
    // Checks again on a duplicate, because fd may refer to another file by now.
    const int held = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (held < 0) continue;
    if (HasLocalPort(held, ports) && !(shared && ListensNow(held))) shutdown(held, SHUT_RDWR);
    close(held);
  }
}

}  // namespace

// civetweb opens "libssl.so" and "libcrypto.so", which only the development package has, and needs a function
// that OpenSSL 3 renamed. So we first load two stub libraries with these names, which are embedded in this
// program.
absl::Status PrepareTls() {
  static const absl::Status* const kLoaded = new absl::Status([] {
    base::Descriptor crypto, ssl;
    absl::Status status = LoadFromMemory("libcrypto.so", kLibcryptoStub, sizeof kLibcryptoStub, &crypto);
    if (status.ok()) status = LoadFromMemory("libssl.so", kLibsslStub, sizeof kLibsslStub, &ssl);
    return status;
  }());
  return *kLoaded;
}

struct QuickStop::Impl {
  std::mutex mutex;
  std::condition_variable changed;
  bool stopped = false;
  absl::StatusOr<std::thread> sweeper = absl::UnknownError("");
};

QuickStop::QuickStop(base::System& system, const std::vector<int>& ports, bool shared)
    : impl_(std::make_unique<Impl>()) {
  // Repeat: a queued connection may reach a worker, and wait there, only later.
  impl_->sweeper = system.StartThread([self = impl_.get(), ports, shared] {
    std::unique_lock<std::mutex> lock(self->mutex);
    while (!self->stopped) {
      lock.unlock();
      ShutDownSockets(ports, shared);
      lock.lock();
      self->changed.wait_for(lock, kStopSweep, [&] { return self->stopped; });
    }
  });
  // Without a thread for it one sweep has to do; what is queued then waits for its timeout.
  if (!impl_->sweeper.ok()) ShutDownSockets(ports, shared);
}

QuickStop::~QuickStop() {
  {
    const std::lock_guard<std::mutex> lock(impl_->mutex);
    impl_->stopped = true;
  }
  impl_->changed.notify_one();
  if (impl_->sweeper.ok()) impl_->sweeper->join();
}

}  // namespace agent_exporter::http
