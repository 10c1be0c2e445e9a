#include "run/launcher.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/descriptor.h"
#include "run/attend.h"

namespace agent_exporter::run {

SignalState BlockAttendedSignals() {
  SignalState before;
  sigset_t attended = AttendedSignals();
  sigaddset(&attended, SIGCHLD);
  pthread_sigmask(SIG_BLOCK, &attended, &before.mask);
  // With SIGCHLD ignored, children vanish before we can read their status.
  struct sigaction usual{};
  usual.sa_handler = SIG_DFL;
  sigaction(SIGCHLD, &usual, &before.child);
  return before;
}

absl::StatusOr<pid_t> Launch(const LaunchOptions& options) {
  std::vector<char*> argv;
  argv.reserve(options.argv.size() + 1);
  for (const std::string& word : options.argv) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "making a pipe");
  const base::Descriptor read_end(ends[0]);
  base::Descriptor write_end(ends[1]);

  const pid_t pid = fork();
  if (pid < 0) return absl::ErrnoToStatus(errno, absl::StrCat("starting ", options.argv[0]));
  if (pid == 0) {
    if (options.stderr_fd >= 0) dup2(options.stderr_fd, STDERR_FILENO);
    sigaction(SIGCHLD, &options.signals.child, nullptr);
    pthread_sigmask(SIG_SETMASK, &options.signals.mask, nullptr);
    execvp(argv[0], argv.data());
    const int error = errno;
    (void)!write(ends[1], &error, sizeof(error));
    _exit(127);
  }
  write_end.Close();
  // The pipe closes when exec succeeds, and carries the errno when it does not.
  int error = 0;
  ssize_t got = 0;
  while ((got = read(read_end.get(), &error, sizeof(error))) < 0 && errno == EINTR) {
  }
  if (got == 0) return pid;
  waitpid(pid, nullptr, 0);
  const std::string message = absl::StrCat("cannot run ", options.argv[0], ": ", strerror(error));
  return error == ENOENT ? absl::NotFoundError(absl::StrCat(message, "; check its name and PATH"))
                         : absl::PermissionDeniedError(message);
}

void EndAs(int status) {
  fflush(nullptr);
  if (!WIFSIGNALED(status)) _exit(WEXITSTATUS(status));
  const int number = WTERMSIG(status);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  prctl(PR_SET_DUMPABLE, 0);
  signal(number, SIG_DFL);
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, number);
  pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
  kill(getpid(), number);
  _exit(128 + number);  // a signal that does not kill here
}

}  // namespace agent_exporter::run
