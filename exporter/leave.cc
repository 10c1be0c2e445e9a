#include "exporter/leave.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "base/bounded_reads.h"

namespace agent_exporter::exporter {
namespace {

bool IsSocketOrPipe(int fd) {
  int type = 0;
  socklen_t size = sizeof type;
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 || fcntl(fd, F_GETPIPE_SZ) > 0;
}

// Runs in a signal handler too: system calls only.
[[noreturn]] void LeaveNow(int status) {
  rlimit limit{};
  const int count = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 65'536
                        ? static_cast<int>(limit.rlim_cur)
                        : 65'536;
  for (int fd = 0; fd < count; ++fd) {
    if (IsSocketOrPipe(fd)) close(fd);
  }
  _exit(status);
}

}  // namespace

void LeaveWithin(std::chrono::milliseconds delay) {
  signal(SIGALRM, [](int) { LeaveNow(EXIT_SUCCESS); });
  const itimerval timer{.it_interval = {},
                        .it_value = {.tv_sec = delay.count() / 1000, .tv_usec = delay.count() % 1000 * 1000}};
  setitimer(ITIMER_REAL, &timer, nullptr);
}

int Leave(int status) {
  if (base::BoundedReads::Shared().late() == 0) return status;
  std::cout.flush();
  LeaveNow(status);
}

}  // namespace agent_exporter::exporter
