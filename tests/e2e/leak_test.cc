// A real process leaks descriptors in its child, seen by everything from /proc to the leak collector. Only
// time is ours: the clock goes on by half a minute after each look, so that an hour takes a second.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "exporter/config.h"
#include "serve/leak_state.h"
#include "serve/watch.h"

namespace agent_exporter::e2e {
namespace {

constexpr rlim_t kLimit = 512;
constexpr double kStep = 30;

// An agent whose child opens a descriptor for each byte it is sent, and answers 'e' once there are none left.
class Leaker {
 public:
  Leaker() {
    if (pipe2(orders_, O_CLOEXEC) != 0 || pipe2(answers_, O_CLOEXEC) != 0) std::abort();
    pid_ = fork();
    if (pid_ == 0) Root();
    char ready = 0;
    if (read(answers_[0], &ready, 1) != 1) std::abort();  // both have their names
  }
  ~Leaker() {
    close(orders_[1]);  // the child ends, then the root
    waitpid(pid_, nullptr, 0);
    for (const int fd : {orders_[0], answers_[0], answers_[1]}) close(fd);
  }

  std::string name() const { return "leaker" + std::to_string(getpid()); }
  // False when the child could not open one more.
  bool Open() {
    char answer = 0;
    return write(orders_[1], "o", 1) == 1 && read(answers_[0], &answer, 1) == 1 && answer == 'o';
  }

 private:
  [[noreturn]] void Root() {
    close(orders_[1]);
    prctl(PR_SET_NAME, ("leaker" + std::to_string(getppid())).c_str());
    const rlimit limit{kLimit, kLimit};
    setrlimit(RLIMIT_NOFILE, &limit);
    const pid_t child = fork();
    if (child != 0) {
      waitpid(child, nullptr, 0);
      _exit(0);
    }
    prctl(PR_SET_NAME, "helper");
    if (write(answers_[1], "r", 1) != 1) _exit(1);
    char order = 0;
    while (read(orders_[0], &order, 1) == 1) {
      const char answer = open("/dev/null", O_RDONLY) >= 0 ? 'o' : 'e';
      if (write(answers_[1], &answer, 1) != 1) break;
    }
    _exit(0);
  }

  int orders_[2];
  int answers_[2];
  pid_t pid_;
};

class LeakTest : public testing::Test {
 protected:
  LeakTest() {
    std::string pattern = testing::TempDir() + "leak_e2e_XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~LeakTest() override { std::filesystem::remove_all(directory_); }

  // The exporter starts: what it had saved is taken up.
  void Start() {
    absl::StatusOr<exporter::Config> config =
        exporter::ParseConfig("builtin_profiles: false\nagents:\n  - {name: " + leaker_.name() +
                                  ", match: {comm: " + leaker_.name() + "}}\n",
                              "a.yaml");
    ASSERT_TRUE(config.ok()) << config.status();
    auto watch = serve::Watch::Make({.procfs = "/proc",
                                     .sysfs = "/sys",
                                     .fields = {.open_fds = true},
                                     .clock =
                                         [this] {
                                           base::ClockReading now = base::SystemClock();
                                           for (double* time : {&now.wall, &now.monotonic, &now.boottime})
                                             *time += ahead_;
                                           return now;
                                         }},
                                    std::move(config->rules));
    ASSERT_TRUE(watch.ok()) << watch.status();
    watch_ = *std::move(watch);
    state_ = std::make_unique<serve::LeakState>(directory_, watch_->leaks(),
                                                watch_->observer().boot_time_seconds(), base::System::Real());
    state_->Load();
  }
  void Stop() {
    state_->Finish();
    state_.reset();
    watch_.reset();
  }

  // Half a minute in which the child opens `count`; returns the leak of descriptors in that scope, if any.
  std::optional<agents::LeakEvidence> Step(
      int count, agents::ResourceUse::Scope scope = agents::ResourceUse::Scope::kTree) {
    for (int i = 0; i < count && !full_; ++i) full_ = !leaker_.Open();
    ahead_ += kStep;
    const auto observation = watch_->observer().Observe(true);
    EXPECT_TRUE(observation.ok()) << observation.status();
    for (const agents::AgentSample& agent : (*observation)->agents) {
      if (agent.name != leaker_.name()) continue;
      for (const agents::LeakEvidence& leak : agent.leaks) {
        if (leak.scope == scope && leak.resource == agents::ResourceUse::Resource::kFds) return leak;
      }
    }
    return std::nullopt;
  }

  Leaker leaker_;
  std::string directory_;
  double ahead_ = 0;
  bool full_ = false;
  std::unique_ptr<serve::Watch> watch_;
  std::unique_ptr<serve::LeakState> state_;
};

TEST_F(LeakTest, ALeakInAChildIsSeenBeforeItsLimitAlsoOverARestart) {
  Start();
  for (int i = 0; i < 120; ++i) EXPECT_FALSE(Step(0).has_value()) << i;
  // Four a half minute: the limit is an hour away.
  for (int i = 0; i < 40; ++i) Step(4);
  Stop();
  Start();
  int steps = 40;
  std::optional<agents::LeakEvidence> leak;
  while (!full_ && !leak) {
    leak = Step(4);
    ++steps;
  }
  ASSERT_FALSE(full_) << "noticed too late";
  EXPECT_NEAR(leak->growth_per_second, 4 / kStep, 0.02);
  EXPECT_NE(leak->use.holder.pid, 0) << "it says which process";
  const double left = (kLimit / 4.0 - steps) * kStep;
  EXPECT_NEAR(leak->seconds_to_limit, left, left / 3);
  EXPECT_LT(steps, 0.7 * kLimit / 4.0) << "less than a third of the way left";
  // The agent itself leaks none.
  EXPECT_FALSE(Step(4, agents::ResourceUse::Scope::kSelf).has_value());
  Stop();
}

TEST_F(LeakTest, WithoutALeakThereIsNoEvidence) {
  Start();
  for (int i = 0; i < 40; ++i) Step(1);  // warms up
  for (int i = 0; i < 400; ++i) EXPECT_FALSE(Step(0).has_value()) << i;
  Stop();
}

}  // namespace
}  // namespace agent_exporter::e2e
