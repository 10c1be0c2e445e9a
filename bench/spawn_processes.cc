// A crowd to look at: this process and COUNT - 1 idle children, each with FDS open descriptors.
//
//   spawn_processes COUNT FDS
//
// Prints "ready" once all are there and ends them when its standard input does, so that nothing outlives a
// benchmark that was killed. Whoever starts it by another name (a link) has a process of that name: the agent
// of the benchmark.

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>
#include <vector>

namespace {

std::optional<int> Number(const char* text) {
  int number = 0;
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, number);
  if (error != std::errc() || stop != end || number < 1) return std::nullopt;
  return number;
}

[[noreturn]] void Idle(pid_t parent, int fds) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(0);  // it died before the line above
  prctl(PR_SET_NAME, "worker");
  const int null = open("/dev/null", O_RDWR);
  for (int fd = 0; fd < fds; ++fd) dup2(null, fd);
  if (null >= fds) close(null);
  while (true) pause();
}

}  // namespace

int main(int argc, char** argv) {
  const std::optional<int> count = argc == 3 ? Number(argv[1]) : std::nullopt;
  const std::optional<int> fds = argc == 3 ? Number(argv[2]) : std::nullopt;
  if (!count || !fds) {
    std::fputs("usage: spawn_processes COUNT FDS\n", stderr);
    return 2;
  }
  const pid_t parent = getpid();
  std::vector<pid_t> children;
  for (int child = 1; child < *count; ++child) {
    const pid_t pid = fork();
    if (pid < 0) {
      std::perror("spawn_processes: fork (see ulimit -u and kernel.pid_max)");
      return 1;
    }
    if (pid == 0) Idle(parent, *fds);
    children.push_back(pid);
  }
  for (int fd = 3; fd < *fds; ++fd) {
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) < 0) {
      std::perror("spawn_processes: /dev/null");
      return 1;
    }
  }
  std::puts("ready");
  std::fflush(stdout);

  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  // Whoever waits for this process wants them all gone: the next figure is of another crowd.
  for (const pid_t child : children) kill(child, SIGKILL);
  while (wait(nullptr) > 0) {
  }
}
