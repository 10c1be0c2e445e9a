#include "snapshot/sidecars.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <future>
#include <string>
#include <thread>

#include "tests/collectors/observation_builder.h"
#include "tests/kernel/child_process.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::snapshot {
namespace {

// Fields that are compared.
struct Seen {
  std::optional<pid_t> pid;
  bool alive = false;
  friend bool operator==(const Seen&, const Seen&) = default;
};

class SidecarsTest : public ::testing::Test {
 protected:
  Seen Look(SidecarOptions options) {
    options.name = "helper";
    const std::vector<Sidecar> sidecars = CheckSidecars({options}, observation_, processes_, proc_);
    EXPECT_EQ(sidecars.size(), 1u);
    EXPECT_EQ(sidecars[0].name, "helper");
    EXPECT_EQ(sidecars[0].is_thread, !options.thread.empty());
    return {sidecars[0].pid, sidecars[0].alive};
  }

  kernel::FakeTree tree_;
  kernel::RootedReader proc_{"/proc"};
  agents::Observation observation_;
  std::vector<agents::ProcessSample> processes_;
};

TEST_F(SidecarsTest, ByPid) {
  kernel::ChildProcess child;
  const pid_t pid = child.pid();
  EXPECT_EQ(Look({.pid = pid}), (Seen{pid, true}));
  child.KillAndReap();
  EXPECT_EQ(Look({.pid = pid}), (Seen{pid, false}));
}

TEST_F(SidecarsTest, AnotherUsersProcessIsAlive) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to look as another user";
  const kernel::ChildProcess child;
  EXPECT_EQ(kernel::RunAs(65534, [&] { return IsAlive(child.pid()) ? 0 : 1; }), 0);
  EXPECT_FALSE(IsAlive(0));   // would be our own group
  EXPECT_FALSE(IsAlive(-1));  // would be everybody
}

TEST_F(SidecarsTest, ByPidfile) {
  const kernel::ChildProcess child;
  const std::string path = tree_.root() + "/helper.pid";
  EXPECT_EQ(Look({.pidfile = path}), (Seen{std::nullopt, false}));
  for (const std::string& text :
       {std::to_string(child.pid()), " " + std::to_string(child.pid()) + "\nmore\n"}) {
    tree_.Write("helper.pid", text);
    EXPECT_EQ(Look({.pidfile = path}), (Seen{child.pid(), true})) << text;
  }
  for (const char* text : {"", "\n", "0\n", "-1\n", "abc", "12x", "99999999999999999999"}) {
    tree_.Write("helper.pid", text);
    EXPECT_EQ(Look({.pidfile = path}), (Seen{std::nullopt, false})) << text;
  }
  EXPECT_EQ(Look({.pidfile = tree_.root()}), (Seen{std::nullopt, false}));  // a directory
}

TEST_F(SidecarsTest, ByMatchRule) {
  const kernel::ChildProcess child;
  agents::ProcessSample root = collectors::MakeProcess(child.pid(), agents::Role::kRoot),
                        below = collectors::MakeProcess(1, agents::Role::kDescendant);
  observation_ = collectors::MakeObservation({collectors::MakeAgent("proxy", {below, root})});
  EXPECT_EQ(Look({.agent = "proxy"}), (Seen{child.pid(), true}));
  EXPECT_EQ(Look({.agent = "other"}), (Seen{std::nullopt, false}));
  observation_ = collectors::MakeObservation(
      {collectors::MakeAgent("proxy", {collectors::MakeProcess(child.pid(), agents::Role::kRoot, 'Z')})});
  EXPECT_EQ(Look({.agent = "proxy"}), (Seen{std::nullopt, false}));
}

TEST_F(SidecarsTest, ByNameInTheAgentsTree) {
  const kernel::ChildProcess older, newer;
  processes_ = {collectors::MakeProcess(older.pid(), agents::Role::kDescendant),
                collectors::MakeProcess(newer.pid(), agents::Role::kDescendant)};
  processes_[1].key.start_ticks += 5;
  EXPECT_EQ(Look({.comm = "git"}), (Seen{newer.pid(), true}));
  EXPECT_EQ(Look({.comm = "gi"}), (Seen{std::nullopt, false}));
}

TEST_F(SidecarsTest, ThreadByName) {
  std::promise<pid_t> named;
  std::promise<void> done;
  std::thread thread([&] {
    ::pthread_setname_np(::pthread_self(), "telemetry");
    named.set_value(::gettid());
    done.get_future().wait();
  });
  const pid_t pid = ::getpid(), tid = named.get_future().get();
  EXPECT_EQ(Look({.pid = pid, .thread = "telemetry"}), (Seen{tid, true}));
  EXPECT_EQ(Look({.pid = pid, .thread = "nobody"}), (Seen{std::nullopt, false}));
  // Alone: of the agent's own root.
  processes_ = {collectors::MakeProcess(pid, agents::Role::kRoot)};
  EXPECT_EQ(Look({.thread = "telemetry"}), (Seen{tid, true}));
  done.set_value();
  thread.join();
}

}  // namespace
}  // namespace agent_exporter::snapshot
