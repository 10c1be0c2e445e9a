#include "kernel/descriptor_kinds.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <ctime>
#include <map>
#include <memory>
#include <string>

#include "kernel/process_files.h"
#include "tests/kernel/child_process.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::kernel {
namespace {

using Counts = std::map<std::string, int>;

// Opens some of every kind and returns how many of each, on top of what a process inherits.
Counts OpenEveryKind() {
  Counts opened;
  const auto add = [&opened](const char* kind, int fd) {
    if (fd >= 0) ++opened[kind];
  };
  const std::string path = testing::TempDir() + "/descriptor_kinds_" + std::to_string(::getpid());
  add("file", ::open(path.c_str(), O_CREAT | O_RDWR, 0600));
  ::unlink(path.c_str());
  add("file", ::open("/proc/self/status", O_RDONLY));
  add("directory", ::open("/", O_RDONLY));
  for (int i = 0; i < 3; ++i) {
    int ends[2];
    if (::pipe(ends) == 0) opened["pipe"] += 2;
  }
  ::mkfifo(path.c_str(), 0600);
  add("pipe", ::open(path.c_str(), O_RDWR));
  ::unlink(path.c_str());
  add("socket_tcp", ::socket(AF_INET, SOCK_STREAM, 0));
  add("socket_udp", ::socket(AF_INET, SOCK_DGRAM, 0));
  add("socket_unix", ::socket(AF_UNIX, SOCK_STREAM, 0));
  add("socket_unix", ::socket(AF_UNIX, SOCK_DGRAM, 0));
  add("socket_other", ::socket(AF_NETLINK, SOCK_RAW, 0));
  add("eventfd", ::eventfd(0, 0));
  add("epoll", ::epoll_create1(0));
  add("inotify", ::inotify_init1(0));
  add("timerfd", ::timerfd_create(CLOCK_MONOTONIC, 0));
  add("pidfd", static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  std::array<char, 120> parameters{};  // io_uring_params
  add("io_uring", static_cast<int>(::syscall(SYS_io_uring_setup, 1, parameters.data())));
  add("memfd", ::memfd_create("a file", 0));
  add("terminal", ::posix_openpt(O_RDWR | O_NOCTTY));
  add("device", ::open("/dev/null", O_RDONLY));
  sigset_t none;
  sigemptyset(&none);
  add("other", ::signalfd(-1, &none, 0));
  return opened;
}

// Second opinion: the lines of `ls -lL`, whose first letter is the type, and of `ls -l`, which has the links.
Counts TypesByLs(pid_t pid) {
  Counts types;
  const std::string directory = "/proc/" + std::to_string(pid) + "/fd";
  const std::string command = "cd " + directory +
                              " && ls | while read f; do t=$(readlink $f); case $t in "
                              "pipe:*|socket:*) echo ${t%%:*};; anon_inode:*) echo ${t#anon_inode:};; "
                              "/memfd:*) echo memfd;; pidfd:*) echo '[pidfd]';; "
                              "*) ls -lL -d $f | cut -c1;; esac; done";
  const std::unique_ptr<FILE, int (*)(FILE*)> output(::popen(command.c_str(), "r"), ::pclose);
  std::array<char, 256> line;
  while (std::fgets(line.data(), line.size(), output.get()) != nullptr) {
    ++types[std::string(line.data()).substr(0, std::string(line.data()).find('\n'))];
  }
  return types;
}

TEST(DescriptorKinds, AreThoseThatAProcessOpenedAndLsShows) {
  Counts opened;
  int report[2];
  ASSERT_EQ(::pipe(report), 0);
  const ChildProcess child([&report] {
    for (const auto& [kind, count] : OpenEveryKind()) ::dprintf(report[1], "%s %d\n", kind.c_str(), count);
    ::close(report[0]);
    ::close(report[1]);
  });
  ::close(report[1]);
  std::unique_ptr<FILE, int (*)(FILE*)> lines(::fdopen(report[0], "r"), ::fclose);
  char kind[32];
  int count = 0;
  while (std::fscanf(lines.get(), "%31s %d", kind, &count) == 2) opened[kind] = count;
  lines.reset();

  const RootedReader proc("/proc");
  const auto open = ProcessFiles(proc).Descriptors({child.pid(), 0}, 1000);
  ASSERT_TRUE(open.ok()) << open.status();
  EXPECT_TRUE(open->whole);
  Counts all;
  for (const OpenDescriptor& one : open->list) ++all[Name(one.kind)];
  // It inherited some as well.
  for (const auto& [name, number] : opened) EXPECT_GE(all[name], number) << name;
  EXPECT_GE(opened.size(), 14u);  // some kernels and sandboxes refuse io_uring or netlink

  Counts types = TypesByLs(child.pid());
  EXPECT_EQ(types["-"], all["file"]);
  EXPECT_EQ(types["d"], all["directory"]);
  EXPECT_EQ(types["pipe"] + types["p"], all["pipe"]);
  EXPECT_EQ(types["socket"],
            all["socket_tcp"] + all["socket_udp"] + all["socket_unix"] + all["socket_other"]);
  EXPECT_EQ(types["[eventfd]"], all["eventfd"]);
  EXPECT_EQ(types["[eventpoll]"], all["epoll"]);
  EXPECT_EQ(types["inotify"], all["inotify"]);
  EXPECT_EQ(types["[timerfd]"], all["timerfd"]);
  EXPECT_EQ(types["[pidfd]"], all["pidfd"]);
  EXPECT_EQ(types["[io_uring]"], all["io_uring"]);
  EXPECT_EQ(types["memfd"], all["memfd"]);
  EXPECT_EQ(types["c"] + types["b"], all["terminal"] + all["device"]);
  EXPECT_EQ(types["[signalfd]"], all["other"]);
}

TEST(DescriptorKinds, OnlySoManyLinksAreRead) {
  const ChildProcess child([] {
    for (int i = 0; i < 50; ++i) (void)!::dup(0);
  });
  const RootedReader proc("/proc");
  const auto open = ProcessFiles(proc).Descriptors({child.pid(), 0}, 20);
  ASSERT_TRUE(open.ok());
  EXPECT_EQ(open->list.size(), 20u);
  EXPECT_FALSE(open->whole);
  EXPECT_FALSE(DescriptorKinds(*open).whole);
}

TEST(DescriptorKinds, WhatMayNotBeReadIsAnErrorAndNotZero) {
  const RootedReader proc("/proc");
  EXPECT_TRUE(absl::IsNotFound(ProcessFiles(proc).Descriptors({1 << 23, 0}, 9).status()));
  if (::getuid() != 0) GTEST_SKIP() << "needs root";
  const ChildProcess child;
  EXPECT_EQ(0, RunAs(12345, [&] {
              base::BoundedReads reads{{}};  // the shared one's threads are not in this process
              const auto open = ProcessFiles(proc, reads).Descriptors({child.pid(), 0}, 9);
              return absl::IsPermissionDenied(open.status()) ? 0 : 1;
            }));
}

TEST(DescriptorKinds, AHostileNameIsNoOtherKind) {
  FakeTree tree;
  tree.Write("7/fd/.keep", "");
  const std::string file = tree.root() + "/socket:[1] anon_inode:[eventfd]";
  tree.Write("socket:[1] anon_inode:[eventfd]", "");
  ASSERT_EQ(::symlink(file.c_str(), (tree.root() + "/7/fd/3").c_str()), 0);
  ASSERT_EQ(::symlink("/gone (deleted)", (tree.root() + "/7/fd/4").c_str()), 0);
  const RootedReader proc(tree.root());
  const auto open = ProcessFiles(proc).Descriptors({7, 0}, 9);
  ASSERT_TRUE(open.ok()) << open.status();
  const DescriptorKinds kinds(*open);
  EXPECT_EQ(kinds.of(DescriptorKind::kFile), 1u);
  EXPECT_EQ(kinds.of(DescriptorKind::kOther), 1u);
}

}  // namespace
}  // namespace agent_exporter::kernel
