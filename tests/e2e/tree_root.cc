// A process tree to order: the thing that end-to-end tests watch. What it consists of is known to the last
// descriptor, so that a test can compare figures instead of trusting them.
//
//   tree_root tree OTHER      the tree below; OTHER is the program that one child executes later
//   tree_root forks N MS      at "go": N children, one after the other, each using MS milliseconds of CPU
//   tree_root forks N MS HOW  the same, where HOW says what becomes of them; children_cpu is then what they
//                             themselves had used as they called exit:
//                               ignored    nobody waits for them, SIGCHLD is ignored
//                               left       they stay zombies until "reap"
//                               nested     SIGCHLD is ignored; each has a child of its own that does the
//                               work,
//                                          and waits for that
//                               abandoned  each has a child of its own that does the work, and ends without
//                                          waiting for it
//   tree_root storm RATE      RATE children a second that end at once, from "start" to "stop"
//   tree_root names HEX…      one child for each name, given to it by prctl(PR_SET_NAME)
//   tree_root commands N MS PATH…  at "go": N children, eight at a time, which execute the PATHs in turn;
//   those
//                             of PATH K use K times MS milliseconds of CPU, and every second one of the last
//                             PATH fails. cpuK: what those of PATH K used
//   tree_root wait            nothing but itself
//
// It prints "ready" and key=value pairs on one line, answers each line it is told on stdin with one line, and
// ends with all it started when stdin ends.
//
// The tree:   root (4 threads, 3 + 2 + 10 fds, 32 MiB touched)
//               a (2 threads, 4 + 5 fds)
//                 a1 (4 + 2 fds)
//                 a2 (4 fds, stopped)
//               b (4 fds)             at "change" it executes OTHER
//               c (4 fds)             at "change" it ends and is waited for:
//                 o (4 fds)           an orphan from then on
//               z                     a zombie
// Every descendant has 0, 1, 2 and, as 3, the lifeline: a pipe that ends with the root.

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int kLifeline = 3;
constexpr int kLifelineWriteEnd = 4;

void Check(bool good, const char* what) {
  if (good) return;
  std::perror(what);
  std::exit(1);
}

double Seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
}

double CpuSeconds(int who) {
  rusage usage{};
  Check(getrusage(who, &usage) == 0, "getrusage");
  return Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
}

void Burn(double seconds) {
  const double end = CpuSeconds(RUSAGE_SELF) + seconds;
  volatile uint64_t sink = 0;
  while (CpuSeconds(RUSAGE_SELF) < end) {
    for (uint64_t i = 0; i < 20000; ++i) sink = sink + i;
  }
}

void OpenMore(int count) {
  for (int i = 0; i < count; ++i) Check(open("/dev/null", O_RDONLY) >= 0, "open /dev/null");
}

void StartThreads(int count) {
  for (int i = 0; i < count; ++i) {
    std::thread([] {
      while (true) pause();
    }).detach();
  }
}

// Waits, asleep, until the root is gone.
[[noreturn]] void LiveAsLongAsRoot() {
  char byte = 0;
  while (read(kLifeline, &byte, 1) != 0) {
  }
  _exit(0);
}

void MakeLifeline() {
  int ends[2];
  Check(pipe(ends) == 0 && ends[0] == kLifeline && ends[1] == kLifelineWriteEnd, "lifeline");
}

// Forks a process called `name` that closes all but 0..3, runs `setup` and then `live`. Returns its pid, then
// those that `setup` returned, once that is done.
std::vector<pid_t> Start(const char* name, bool dies_with_parent,
                         const std::function<std::vector<pid_t>()>& setup,
                         const std::function<void()>& live = LiveAsLongAsRoot) {
  int ready[2];
  Check(pipe2(ready, O_CLOEXEC) == 0, "pipe");
  const pid_t pid = fork();
  Check(pid >= 0, "fork");
  if (pid == 0) {
    prctl(PR_SET_NAME, name);
    if (dies_with_parent) prctl(PR_SET_PDEATHSIG, SIGKILL);
    // All but the way to tell the parent, which goes last; high up, where it is in nobody's way.
    const int tell = fcntl(ready[1], F_DUPFD_CLOEXEC, 100);
    close_range(kLifeline + 1, static_cast<unsigned>(tell) - 1, 0);
    close_range(static_cast<unsigned>(tell) + 1, ~0U, 0);
    const std::vector<pid_t> more = setup();
    (void)!write(tell, more.data(), more.size() * sizeof(pid_t));
    close(tell);
    live();
    _exit(0);
  }
  close(ready[1]);
  std::vector<pid_t> pids = {pid};
  for (pid_t more = 0; read(ready[0], &more, sizeof(more)) == sizeof(more);) pids.push_back(more);
  close(ready[0]);
  return pids;
}

const std::vector<pid_t> kNobody;

// Answers every line on stdin until there are no more.
int Serve(const std::function<std::string(const std::string&)>& answer) {
  for (std::string line; std::getline(std::cin, line);) std::cout << answer(line) << std::endl;
  return 0;
}

pid_t StartStopped() {
  const pid_t pid = Start("a2", true, [] { return kNobody; })[0];
  kill(pid, SIGSTOP);
  siginfo_t info;
  waitid(P_PID, static_cast<id_t>(pid), &info, WSTOPPED | WNOWAIT);
  return pid;
}

pid_t StartZombie() {
  const pid_t pid = Start("z", true, [] { return kNobody; })[0];
  kill(pid, SIGKILL);
  siginfo_t info;
  waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT);
  return pid;
}

int Tree(char* other) {
  MakeLifeline();
  sigset_t change;
  sigemptyset(&change);
  sigaddset(&change, SIGUSR1);
  sigprocmask(SIG_BLOCK, &change, nullptr);

  const std::vector<pid_t> a = Start("a", true, [] {
    const pid_t a1 = Start("a1", true, [] {
      OpenMore(2);
      return kNobody;
    })[0];
    const pid_t a2 = StartStopped();
    OpenMore(5);
    StartThreads(1);
    return std::vector<pid_t>{a1, a2};
  });
  const pid_t b = Start(
      "b", true, [] { return kNobody; },
      [&] {
        int number = 0;
        sigwait(&change, &number);
        char mode[] = "live";
        char* arguments[] = {other, mode, nullptr};
        execv(other, arguments);
        Check(false, other);
      })[0];
  const std::vector<pid_t> c = Start("c", true, [] { return Start("o", false, [] { return kNobody; }); });
  const pid_t z = StartZombie();

  OpenMore(10);
  std::vector<char> memory(32 << 20, 'x');
  StartThreads(3);
  std::cout << "ready a=" << a[0] << " a1=" << a[1] << " a2=" << a[2] << " b=" << b << " c=" << c[0]
            << " o=" << c[1] << " z=" << z << std::endl;
  return Serve([&](const std::string& line) {
    if (line == "burn") {
      Burn(0.5);
    } else if (line == "change") {
      kill(c[0], SIGKILL);
      waitpid(c[0], nullptr, 0);
      kill(b, SIGUSR1);
    }
    return "done self_cpu=" + std::to_string(CpuSeconds(RUSAGE_SELF));
  });
}

// What a child used, told by itself. `how`: see above; "" waits for it.
double BurnInChild(double seconds, const std::string& how) {
  int told[2];
  Check(pipe(told) == 0, "pipe");
  const pid_t pid = fork();
  Check(pid >= 0, "fork");
  if (pid == 0) {
    prctl(PR_SET_NAME, "burner");
    double used = 0;
    if (how == "nested" || how == "abandoned") {
      signal(SIGCHLD, SIG_DFL);
      used = BurnInChild(seconds, how == "nested" ? "" : "left");
    } else {
      Burn(seconds);
    }
    used += CpuSeconds(RUSAGE_SELF);
    (void)!write(told[1], &used, sizeof(used));
    _exit(0);
  }
  double used = 0;
  Check(read(told[0], &used, sizeof(used)) == sizeof(used), "read");
  close(told[0]);
  close(told[1]);
  siginfo_t info;
  // Fails, once it is gone, where SIGCHLD is ignored.
  waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | (how == "left" ? WNOWAIT : 0));
  return used;
}

int Forks(int count, double seconds, const std::string& how) {
  if (how == "ignored" || how == "nested") signal(SIGCHLD, SIG_IGN);
  std::cout << "ready" << std::endl;
  double told = 0;
  return Serve([&](const std::string& line) {
    if (line == "reap") {
      while (waitpid(-1, nullptr, WNOHANG) > 0) {
      }
    } else {
      for (int i = 0; i < count; ++i) told += BurnInChild(seconds, how);
    }
    return "done children_cpu=" + std::to_string(how.empty() ? CpuSeconds(RUSAGE_CHILDREN) : told);
  });
}

int Storm(int rate) {
  std::cout << "ready" << std::endl;
  std::atomic<bool> stopping = false;
  std::atomic<int> forked = 0;
  std::thread storm;
  const auto stop = [&] {
    stopping = true;
    if (storm.joinable()) storm.join();
  };
  const int result = Serve([&](const std::string& line) {
    if (line == "stop") stop();
    if (line == "start") {
      storm = std::thread([&] {
        auto next = std::chrono::steady_clock::now();
        while (!stopping) {
          const pid_t pid = fork();
          if (pid == 0) _exit(0);
          if (pid > 0) waitpid(pid, nullptr, 0);
          ++forked;
          next += std::chrono::microseconds(1000000 / rate);
          std::this_thread::sleep_until(next);
        }
      });
    }
    return "done forked=" + std::to_string(forked);
  });
  stop();
  return result;
}

// Two hexadecimal digits a byte.
std::string Bytes(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

int Names(const std::vector<std::string>& names) {
  MakeLifeline();
  std::cout << "ready";
  for (size_t i = 0; i < names.size(); ++i) {
    const pid_t pid = Start(Bytes(names[i]).c_str(), true, [] { return kNobody; })[0];
    std::cout << " p" << i << "=" << pid;
  }
  std::cout << std::endl;
  return Serve([](const std::string&) { return "done"; });
}

// Ends with `code` after `milliseconds` of CPU.
int Work(double milliseconds, int code) {
  Burn(milliseconds * 1e-3);
  return code;
}

int Commands(int count, double milliseconds, const std::vector<std::string>& paths) {
  std::cout << "ready" << std::endl;
  std::vector<double> cpu(paths.size());
  std::map<pid_t, size_t> running;
  const auto reap = [&] {
    rusage used{};
    int status = 0;
    const pid_t pid = wait4(-1, &status, 0, &used);
    Check(pid > 0, "wait4");
    cpu[running.at(pid)] += Seconds(used.ru_utime) + Seconds(used.ru_stime);
    running.erase(pid);
  };
  return Serve([&](const std::string&) {
    for (int i = 0; i < count; ++i) {
      if (running.size() == 8) reap();
      const size_t which = static_cast<size_t>(i) % paths.size();
      const bool fails = which + 1 == paths.size() && (static_cast<size_t>(i) / paths.size()) % 2 == 1;
      const std::string work = std::to_string(milliseconds * static_cast<double>(which));
      std::string words[] = {paths[which], "work", work, fails ? "1" : "0"};
      char* arguments[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data(), nullptr};
      pid_t pid = 0;
      Check(posix_spawn(&pid, arguments[0], nullptr, nullptr, arguments, environ) == 0, "posix_spawn");
      running[pid] = which;
    }
    while (!running.empty()) reap();
    std::string answer = "done";
    for (size_t i = 0; i < cpu.size(); ++i)
      answer += " cpu" + std::to_string(i) + "=" + std::to_string(cpu[i]);
    return answer;
  });
}

int Wait() {
  std::cout << "ready" << std::endl;
  return Serve([](const std::string&) { return "done"; });
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "live") LiveAsLongAsRoot();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  close_range(3, ~0U, 0);
  if (mode == "tree" && argc == 3) return Tree(argv[2]);
  if (mode == "forks" && (argc == 4 || argc == 5))
    return Forks(std::atoi(argv[2]), std::atof(argv[3]) * 1e-3, argc == 5 ? argv[4] : "");
  if (mode == "storm" && argc == 3) return Storm(std::atoi(argv[2]));
  if (mode == "names") return Names(std::vector<std::string>(argv + 2, argv + argc));
  if (mode == "commands" && argc > 4) {
    return Commands(std::atoi(argv[2]), std::atof(argv[3]), std::vector<std::string>(argv + 4, argv + argc));
  }
  if (mode == "work" && argc == 4) return Work(std::atof(argv[2]), std::atoi(argv[3]));
  if (mode == "wait") return Wait();
  std::cerr << "tree_root: see the head of tests/e2e/tree_root.cc\n";
  return 2;
}
