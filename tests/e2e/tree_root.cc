// A process tree to order: the thing that end-to-end tests watch. What it consists of is known to the last
// descriptor, so that a test can compare figures instead of trusting them.
//
//   tree_root tree OTHER      the tree below; OTHER is the program that one child executes later
//   tree_root forks N MS      at "go": N children, one after the other, each using MS milliseconds of CPU
//   tree_root storm RATE      RATE children a second that end at once, until told "stop"
//   tree_root names HEX…      one child for each name, given to it by prctl(PR_SET_NAME)
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
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
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

double CpuSeconds(int who) {
  rusage usage{};
  Check(getrusage(who, &usage) == 0, "getrusage");
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
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

// Forks a process called `name`, which closes all but 0..3 and runs `body`; returns once it says that it is set up.
template <typename Body>
pid_t Start(const char* name, Body body) {
  int ready[2];
  Check(pipe2(ready, O_CLOEXEC) == 0, "pipe");
  const pid_t pid = fork();
  Check(pid >= 0, "fork");
  if (pid == 0) {
    prctl(PR_SET_NAME, name);
    dup2(ready[1], 4);  // the last to go
    close_range(5, ~0U, 0);
    const auto done = [] {
      (void)!write(4, "r", 1);
      close(4);
    };
    body(done);
    LiveAsLongAsRoot();
  }
  close(ready[1]);
  char byte = 0;
  Check(read(ready[0], &byte, 1) == 1, name);
  close(ready[0]);
  return pid;
}

// Tells pids from a grandchild to the root.
struct SharedPids {
  std::atomic<pid_t> a1, a2, o;
};

int Tree(const std::string& other) {
  MakeLifeline();
  // A file mapping shared with the children: what they write into it the root can read.
  FILE* file = std::tmpfile();
  Check(file != nullptr, "tmpfile");
  const auto tell = [fd = fileno(file)](int slot, pid_t pid) {
    Check(pwrite(fd, &pid, sizeof(pid), static_cast<off_t>(slot * sizeof(pid))) == sizeof(pid), "pwrite");
  };
  const auto told = [fd = fileno(file)](int slot) {
    pid_t pid = 0;
    Check(pread(fd, &pid, sizeof(pid), static_cast<off_t>(slot * sizeof(pid))) == sizeof(pid), "pread");
    return pid;
  };
  return 0;
}

}  // namespace
