// Real processes for tests to look at.

#ifndef AGENT_EXPORTER_TESTS_KERNEL_CHILD_PROCESS_H_
#define AGENT_EXPORTER_TESTS_KERNEL_CHILD_PROCESS_H_

#include <signal.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <utility>

namespace agent_exporter::kernel {

// A child that has run `setup` and then waits to be killed; it dies with the test. Killed and reaped on
// destruction.
class ChildProcess {
 public:
  explicit ChildProcess(const std::function<void()>& setup = [] {}) {
    int ready[2];
    if (::pipe(ready) != 0) abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::close(ready[0]);
      setup();
      (void)!::write(ready[1], "r", 1);
      ::close(ready[1]);
      while (true) ::pause();
    }
    ::close(ready[1]);
    char byte;
    // Up to the end of the file: the child has no descriptor of ours open then.
    if (::read(ready[0], &byte, 1) != 1 || ::read(ready[0], &byte, 1) != 0) abort();
    ::close(ready[0]);
  }
  ~ChildProcess() { KillAndReap(); }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }

  // Kills it but leaves the zombie; returns once it is one.
  void KillToZombie() const {
    ::kill(pid_, SIGKILL);
    siginfo_t info;
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
  }
  void KillAndReap() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(std::exchange(pid_, -1), nullptr, 0);
  }

 private:
  pid_t pid_ = -1;
};

// Runs `body` in a child that has given up root for `user`; what it returns, or -1 if it died.
inline int RunAs(uid_t user, const std::function<int()>& body) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(::setgid(user) == 0 && ::setuid(user) == 0 ? body() : 125);
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_TESTS_KERNEL_CHILD_PROCESS_H_
