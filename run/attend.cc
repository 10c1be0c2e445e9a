#include "run/attend.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

namespace agent_exporter::run {
namespace {

constexpr int kAttended[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT, SIGTSTP, SIGWINCH};

bool HasTerminal() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (const pid_t foreground = tcgetpgrp(fd); foreground > 0) return foreground == getpgrp();
  }
  return false;
}

// A terminal's signals come from the kernel and reach the whole group; those that a process sends reach only
// us.
void PassOn(const siginfo_t& info, pid_t task) {
  if (info.si_code == SI_KERNEL && getpgid(task) == getpgrp()) return;
  kill(task, info.si_signo);
}

class Attendant {
 public:
  explicit Attendant(pid_t task) : task_(task) {}

  Attended Run() {
    sigset_t signals = AttendedSignals();
    sigaddset(&signals, SIGCHLD);
    while (!CollectChildren()) {
      siginfo_t info{};
      if (sigwaitinfo(&signals, &info) < 0 || info.si_signo == SIGCHLD) continue;
      seen_.insert(info.si_signo);
      PassOn(info, task_);
    }
    return ended_;
  }

 private:
  // Handles changes of children. True when the task has ended.
  bool CollectChildren() {
    while (true) {
      siginfo_t info{};
      if (waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT) != 0) return false;
      if (info.si_pid == 0) return false;
      const bool ended = info.si_code != CLD_STOPPED && info.si_code != CLD_TRAPPED;
      if (info.si_pid != task_) {
        waitid(P_PID, static_cast<id_t>(info.si_pid), &info, WEXITED | WSTOPPED | WNOHANG);
      } else if (ended) {
        TaskEnded();
        return true;
      } else {
        waitid(P_PID, static_cast<id_t>(task_), &info, WSTOPPED | WNOHANG);
        StopAlong();
      }
    }
  }

  // Continued by the shell, which sends SIGCONT to the whole group.
  static void StopAlong() {
    if (HasTerminal()) raise(SIGSTOP);
  }

  void TaskEnded() {
    siginfo_t info{};
    rusage usage{};
    // The system call, unlike the library's function, also returns the resource usage.
    syscall(SYS_waitid, P_PID, task_, &info, WEXITED | WNOHANG | WNOWAIT, &usage);
    // A terminal's signal arrived before the task died of it, but we may see SIGCHLD first.
    const sigset_t signals = AttendedSignals();
    const timespec now{0, 0};
    for (int number; (number = sigtimedwait(&signals, nullptr, &now)) > 0;) seen_.insert(number);
    const bool exited = info.si_code == CLD_EXITED;
    ended_.status = exited ? (info.si_status & 0xff) << 8 : info.si_status;
    if (info.si_code == CLD_DUMPED) ended_.status |= 0x80;
    ended_.self_killed = !exited && seen_.count(info.si_status) != 0;
    ended_.max_resident_bytes = static_cast<uint64_t>(usage.ru_maxrss) * 1024;
  }

  const pid_t task_;
  std::set<int> seen_;
  Attended ended_;
};

}  // namespace

sigset_t AttendedSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : kAttended) sigaddset(&signals, number);
  return signals;
}

Attended Attend(pid_t task) { return Attendant(task).Run(); }

void Reap(pid_t task) {
  while (waitpid(task, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace agent_exporter::run
