// Starts processes to order and knows the truth about them: the agent under watch in kernel_speed.py.
//
//   process_load
//
// Prints "ready"; then answers each line on standard input by one line:
//   burn COUNT MS         COUNT children, one after the other, each using MS milliseconds of CPU.
//                         Answer: the CPU of them all in microseconds, by getrusage(2)
//   unwaited COUNT MS     the same, with SIGCHLD ignored until the next other order.
//                         Answer: what they had used when they called exit, by their own word
//   rate COUNT PER_SECOND COUNT children that end at once, so many a second. Answer: microseconds taken
//   exec COUNT            COUNT times /bin/true, one after the other. Answer: microseconds taken
// All other children are waited for. It ends when its standard input does.

#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <sstream>
#include <string>

namespace {

constexpr int64_t kSecond = 1'000'000'000;

void Check(bool good, const char* what) {
  if (good) return;
  std::perror(what);
  std::exit(1);
}

int64_t Nanos(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * kSecond + now.tv_nsec;
}

int64_t ChildrenCpuMicros() {
  rusage used{};
  getrusage(RUSAGE_CHILDREN, &used);
  return (int64_t{used.ru_utime.tv_sec} + used.ru_stime.tv_sec) * 1'000'000 + used.ru_utime.tv_usec +
         used.ru_stime.tv_usec;
}

void Burn(int64_t nanos) {
  while (Nanos(CLOCK_PROCESS_CPUTIME_ID) < nanos) {
  }
}

void Fork(const std::function<void()>& work) {
  const pid_t pid = fork();
  Check(pid >= 0, "process_load: fork");
  if (pid > 0) return;
  work();
  _exit(0);
}

int64_t BurnAll(int64_t count, int64_t milliseconds) {
  const int64_t before = ChildrenCpuMicros();
  for (int64_t i = 0; i < count; ++i) {
    Fork([&] { Burn(milliseconds * 1'000'000); });
    Check(wait(nullptr) > 0, "process_load: wait");
  }
  return ChildrenCpuMicros() - before;
}

// Nobody waits for these: what they used is what they themselves say as they end.
int64_t BurnUnwaited(int64_t count, int64_t milliseconds) {
  int told[2];
  Check(pipe(told) == 0, "process_load: pipe");
  int64_t all = 0;
  for (int64_t i = 0; i < count; ++i) {
    Fork([&] {
      Burn(milliseconds * 1'000'000);
      const int64_t used = Nanos(CLOCK_PROCESS_CPUTIME_ID);
      Check(write(told[1], &used, sizeof(used)) == sizeof(used), "process_load: write");
    });
    int64_t used = 0;
    Check(read(told[0], &used, sizeof(used)) == sizeof(used), "process_load: read");
    all += used;
    wait(nullptr);  // fails once it is gone
  }
  close(told[0]);
  close(told[1]);
  return all / 1000;
}

int64_t ForkAtRate(int64_t count, int64_t per_second) {
  const int64_t start = Nanos(CLOCK_MONOTONIC);
  int64_t waited_for = 0;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t due = start + i * kSecond / per_second;
    const timespec at{due / kSecond, due % kSecond};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr);
    Fork([] {});
    while (waitpid(-1, nullptr, WNOHANG) > 0) ++waited_for;
  }
  for (; waited_for < count; ++waited_for) Check(wait(nullptr) > 0, "process_load: wait");
  return (Nanos(CLOCK_MONOTONIC) - start) / 1000;
}

int64_t ExecAll(int64_t count) {
  char name[] = "true";
  char* argv[] = {name, nullptr};
  const int64_t start = Nanos(CLOCK_MONOTONIC);
  for (int64_t i = 0; i < count; ++i) {
    pid_t pid = 0;
    Check(posix_spawn(&pid, "/bin/true", nullptr, nullptr, argv, nullptr) == 0, "process_load: /bin/true");
    Check(waitpid(pid, nullptr, 0) == pid, "process_load: wait");
  }
  return (Nanos(CLOCK_MONOTONIC) - start) / 1000;
}

}  // namespace

int main() {
  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string what;
    int64_t count = 0, number = 0;
    words >> what >> count >> number;
    signal(SIGCHLD, what == "unwaited" ? SIG_IGN : SIG_DFL);
    if (what == "burn" && number > 0) {
      std::cout << BurnAll(count, number) << std::endl;
    } else if (what == "unwaited" && number > 0) {
      std::cout << BurnUnwaited(count, number) << std::endl;
    } else if (what == "rate" && number > 0) {
      std::cout << ForkAtRate(count, number) << std::endl;
    } else if (what == "exec") {
      std::cout << ExecAll(count) << std::endl;
    } else {
      std::cerr << "process_load: not understood: " << line << std::endl;
      return 2;
    }
  }
}
