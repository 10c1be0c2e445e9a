#include "kernel/process_threads.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "tests/kernel/child_process.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::kernel {
namespace {

TEST(FindThreadTest, FindsAThreadOfARealProcessByName) {
  const ChildProcess child([] {
    std::thread([] {
      ::pthread_setname_np(::pthread_self(), "telemetry-thread-too-long");  // refused: 15 bytes at most
      ::pthread_setname_np(::pthread_self(), "telemetry-threa");
      while (true) ::pause();
    }).detach();
    // The name is set by the time it can be found.
    const RootedReader proc("/proc");
    while (!FindThread(proc, ::getpid(), "telemetry-threa").value_or(std::nullopt)) ::usleep(1000);
  });
  const RootedReader proc("/proc");
  const auto tid = FindThread(proc, child.pid(), "telemetry-thread-too-long");
  ASSERT_TRUE(tid.ok()) << tid.status();
  ASSERT_TRUE(tid->has_value());
  EXPECT_GT(**tid, child.pid());
  EXPECT_EQ(FindThread(proc, child.pid(), "nobody").value_or(1), std::nullopt);
}

TEST(FindThreadTest, LowestOfSeveral) {
  const FakeTree tree;
  tree.Write("7/task/7/comm", "main\n");
  tree.Write("7/task/12/comm", "worker\n");
  tree.Write("7/task/9/comm", "worker\n");
  tree.Write("7/task/x/comm", "worker\n");
  const RootedReader proc(tree.root());
  EXPECT_EQ(FindThread(proc, 7, "worker").value_or(std::nullopt), 9);
  EXPECT_EQ(FindThread(proc, 7, "work").value_or(1), std::nullopt);
}

TEST(FindThreadTest, GoneIsNotFound) {
  const FakeTree tree;
  const RootedReader proc(tree.root());
  EXPECT_TRUE(absl::IsNotFound(FindThread(proc, 7, "x").status()));
}

}  // namespace
}  // namespace agent_exporter::kernel
