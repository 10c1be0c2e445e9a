#include "run/guardian.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace agent_exporter::run {
namespace {

constexpr char kFlush = 'f';
constexpr char kFlushed = 'F';
constexpr char kDismiss = 'q';
constexpr int kFlushMs = 2000;
constexpr rlim_t kMostDescriptors = 1 << 20;  // the kernel's own default for nr_open

}  // namespace

// Memory that both processes share. The tail is a ring. `announcement` is written once, before the task runs.
struct Guardian::Shared {
  std::atomic<uint64_t> written{0};
  std::atomic<bool> announced{false};
  char announcement[512];
  char tail[kTailBytes];
};

namespace {

// close_range(2), or one by one where the kernel is older than 5.9.
void CloseRange(unsigned first, unsigned last) {
  if (syscall(SYS_close_range, first, last, 0) == 0) return;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  // The hard limit: descriptors may be above a soft limit that was lowered later.
  const auto end = static_cast<unsigned>(std::min<rlim_t>(limit.rlim_max, kMostDescriptors));
  for (unsigned fd = first; fd <= last && fd < end; ++fd) close(static_cast<int>(fd));
}

void WriteAll(int fd, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t wrote = write(fd, data, size);
    if (wrote < 0 && errno == EAGAIN) {  // our stderr is non-blocking
      pollfd writable{fd, POLLOUT, 0};
      poll(&writable, 1, -1);
      continue;
    }
    if (wrote < 0 && errno != EINTR) return;  // nobody reads it any more; the task must not notice
    if (wrote > 0) {
      data += wrote;
      size -= static_cast<size_t>(wrote);
    }
  }
}

// Closes all descriptors but stdin, stdout, stderr and these two: inherited ones would keep pipes open.
void CloseOthers(int one, int other) {
  unsigned first = STDERR_FILENO + 1;
  for (const int kept : {std::min(one, other), std::max(one, other)}) {
    if (kept < static_cast<int>(first)) continue;  // there is none
    if (static_cast<unsigned>(kept) > first) CloseRange(first, static_cast<unsigned>(kept) - 1);
    first = static_cast<unsigned>(kept) + 1;
  }
  CloseRange(first, ~0U);
}

// The guardian's main function. It was forked from a program in an unknown state: system calls only.
template <typename Shared>
[[noreturn]] void Guard(int line, int from_task, Shared* shared) {
  setsid();
  prctl(PR_SET_NAME, "run-guardian");
  for (const int number : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGQUIT}) signal(number, SIG_IGN);
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  dup2(null, STDIN_FILENO);
  dup2(null, STDOUT_FILENO);
  CloseOthers(line, from_task);

  char buffer[16 << 10];
  // False at the end of the pipe.
  const auto pass_on = [&] {
    const ssize_t got = read(from_task, buffer, sizeof(buffer));
    if (got < 0) return errno == EINTR || errno == EAGAIN;
    if (got == 0) return false;
    uint64_t at = shared->written.load(std::memory_order_relaxed);
    for (ssize_t i = 0; i < got; ++i) shared->tail[at++ % sizeof(shared->tail)] = buffer[i];
    shared->written.store(at, std::memory_order_release);
    WriteAll(STDERR_FILENO, buffer, static_cast<size_t>(got));
    return true;
  };
  const auto readable = [](int fd) {
    pollfd poll_fd{fd, POLLIN, 0};
    return poll(&poll_fd, 1, 0) > 0;
  };

  bool watcher = true;
  while (watcher || from_task >= 0) {
    pollfd fds[] = {{watcher ? line : -1, POLLIN, 0}, {from_task, POLLIN, 0}};
    if (poll(fds, 2, -1) < 0) continue;
    if (fds[1].revents != 0 && !pass_on()) {
      close(from_task);
      from_task = -1;
    }
    if (fds[0].revents == 0) continue;
    char letter = 0;
    const ssize_t got = read(line, &letter, 1);
    if (got == 1 && letter == kFlush) {
      while (from_task >= 0 && readable(from_task) && pass_on()) {
      }
      (void)!write(line, &kFlushed, 1);
    } else if (got == 1 && letter == kDismiss) {
      watcher = false;
    } else if (got == 0 || (got < 0 && errno != EINTR)) {
      watcher = false;
      if (shared->announced.load(std::memory_order_acquire)) {
        WriteAll(STDERR_FILENO, shared->announcement, strlen(shared->announcement));
      }
    }
  }
  _exit(0);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Guardian>> Guardian::Start(bool capture_stderr) {
  std::unique_ptr<Guardian> guardian(new Guardian);
  int line[2], pipe_fds[2] = {-1, -1};
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return absl::ErrnoToStatus(errno, "mapping memory for the guardian");
  guardian->shared_ = new (memory) Shared;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line) != 0) {
    return absl::ErrnoToStatus(errno, "making the guardian's socket");
  }
  guardian->line_ = base::Descriptor(line[0]);
  const base::Descriptor far_end(line[1]);
  if (capture_stderr && pipe2(pipe_fds, O_CLOEXEC) != 0) {
    return absl::ErrnoToStatus(errno, "making a pipe for stderr");
  }
  guardian->pipe_ = base::Descriptor(pipe_fds[1]);
  const base::Descriptor read_end(pipe_fds[0]);
  guardian->pid_ = fork();
  if (guardian->pid_ < 0) return absl::ErrnoToStatus(errno, "starting the guardian");
  if (guardian->pid_ == 0) Guard(far_end.get(), read_end.get(), guardian->shared_);
  return guardian;
}

Guardian::~Guardian() {
  if (pid_ > 0) Dismiss();
  if (shared_ != nullptr) munmap(shared_, sizeof(Shared));
}

void Guardian::Announce(pid_t task, const std::string& command) {
  snprintf(shared_->announcement, sizeof(shared_->announcement),
           "agent_exporter: the watcher (pid %d) was killed; %.300s (pid %d) goes on unwatched\n", getpid(),
           command.c_str(), task);
  shared_->announced.store(true, std::memory_order_release);
}

void Guardian::Flush() {
  if (send(line_.get(), &kFlush, 1, MSG_NOSIGNAL) != 1) return;
  pollfd answer{line_.get(), POLLIN, 0};
  char letter = 0;
  if (poll(&answer, 1, kFlushMs) > 0) (void)!read(line_.get(), &letter, 1);
}

std::string Guardian::Tail(bool* cut) const {
  const uint64_t end = shared_->written.load(std::memory_order_acquire);
  const uint64_t begin = end > kTailBytes ? end - kTailBytes : 0;
  *cut = begin > 0;
  std::string tail;
  tail.reserve(end - begin);
  for (uint64_t at = begin; at < end; ++at) tail += shared_->tail[at % kTailBytes];
  return tail;
}

void Guardian::Dismiss() {
  pipe_.Close();
  (void)!send(line_.get(), &kDismiss, 1, MSG_NOSIGNAL);
  line_.Close();
  // Without a captured stderr it ends at once, otherwise when the last writer has closed it.
  int status = 0;
  for (int tries = 0; tries < 50; ++tries) {
    const pid_t reaped = waitpid(pid_, &status, WNOHANG);
    if (reaped != 0) break;
    usleep(tries < 20 ? 100 : 2000);
  }
  pid_ = -1;
}

}  // namespace agent_exporter::run
