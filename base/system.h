// The seam to the system where it may refuse: starting a thread, accepting a connection, writing a file.
// Production code takes a System as an argument; a test derives one that fails.
//
// The other two ways to the system have seams of their own: the clock is a function (base/clock.h), and what
// is read from the kernel goes through a reader that takes its root (kernel/rooted_reader.h), which a test
// points at a tree that it made. Code that cannot be refused anything needs none of them.
//
// Thread safety: all methods from any thread.

#ifndef AGENT_EXPORTER_BASE_SYSTEM_H_
#define AGENT_EXPORTER_BASE_SYSTEM_H_

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "base/descriptor.h"

namespace agent_exporter::base {

class System {
 public:
  virtual ~System() = default;

  // The real one. Never destroyed.
  static System& Real();

  // ResourceExhausted where the system refuses a thread (a pids cgroup, RLIMIT_NPROC, memory).
  virtual absl::StatusOr<std::thread> StartThread(std::function<void()> body);

  // These three as the system calls: errno says what went wrong.
  // accept4(2) with SOCK_CLOEXEC and SOCK_NONBLOCK; not ok() on an error.
  virtual Descriptor Accept(int socket);
  virtual ssize_t Write(int fd, const void* data, size_t size);
  virtual int Rename(const std::string& from, const std::string& to);
};

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_SYSTEM_H_
