// System calls that may fail and that tests replace: starting a thread, accepting a connection, writing a
// file. Production code takes a System as an argument; tests derive one that fails.
//
// There are two more such interfaces: the clock is a function (base/clock.h), and reads of kernel files go
// through a reader whose root is an argument (kernel/rooted_reader.h), so that tests can point it at their
// own tree.
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

  // The real system. Never destroyed.
  static System& Real();

  // ResourceExhausted if the system refuses a thread (a pids cgroup, RLIMIT_NPROC, memory).
  virtual absl::StatusOr<std::thread> StartThread(std::function<void()> body);

  // These three behave like the system calls and set errno. accept4(2) with SOCK_CLOEXEC and SOCK_NONBLOCK;
  // not ok() on an error.
  virtual Descriptor Accept(int socket);
  virtual ssize_t Write(int fd, const void* data, size_t size);
  virtual int Rename(const std::string& from, const std::string& to);
};

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_SYSTEM_H_
