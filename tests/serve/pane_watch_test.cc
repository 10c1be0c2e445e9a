#include "serve/pane_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/base/refusing_system.h"

namespace agent_exporter::serve {
namespace {

using testing::ElementsAre;

class PaneWatchTest : public testing::Test {
 protected:
  PaneWatch::Options Options() {
    return {.list = [this](const std::vector<std::string>& sockets) -> absl::StatusOr<PaneWatch::Panes> {
              const std::lock_guard lock(mutex_);
              sockets_ = sockets;
              ++listed_;
              if (fails_) return absl::InternalError("tmux fails");
              return panes_;
            },
            .changed =
                [this](PaneWatch::Panes panes) {
                  const std::lock_guard lock(mutex_);
                  told_.push_back(panes.size());
                },
            .interval = std::chrono::milliseconds(1)};
  }
  static agents::Rule Adopting(const std::string& socket) {
    agents::Rule rule;
    rule.adopt = {.tmux_socket = socket, .tmux_sessions = "*"};
    return rule;
  }
  void SetPanes(PaneWatch::Panes panes, bool fails = false) {
    const std::lock_guard lock(mutex_);
    panes_ = std::move(panes);
    fails_ = fails;
  }
  std::vector<size_t> Told() {
    const std::lock_guard lock(mutex_);
    return told_;
  }
  void AwaitLists(int more) {
    const int until = listed_ + more;
    while (listed_ < until) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  std::mutex mutex_;
  PaneWatch::Panes panes_{{.pid = 1}};
  bool fails_ = false;
  std::vector<std::string> sockets_;
  std::vector<size_t> told_;
  std::atomic<int> listed_{0};
};

TEST_F(PaneWatchTest, WithoutARuleThatAdoptsNothingRuns) {
  base::RefusingSystem system;
  system.threads = 0;
  PaneWatch watch(Options(), system);
  watch.SetRules({agents::Rule()});
  watch.Start();
  EXPECT_EQ(listed_, 0);
}

TEST_F(PaneWatchTest, TheFirstListIsThereAtOnceAndOnlyChangesAreTold) {
  PaneWatch watch(Options(), base::System::Real());
  watch.SetRules({Adopting("/run/a"), Adopting("default")});
  watch.Start();
  EXPECT_THAT(Told(), ElementsAre(1));
  {
    const std::lock_guard lock(mutex_);
    EXPECT_THAT(sockets_, ElementsAre("/run/a"));
  }
  AwaitLists(3);
  EXPECT_THAT(Told(), ElementsAre(1));
  SetPanes({{.pid = 1}, {.pid = 2}});
  AwaitLists(2);
  EXPECT_THAT(Told(), ElementsAre(1, 2));
}

TEST_F(PaneWatchTest, AFailureKeepsWhatIsKnown) {
  PaneWatch watch(Options(), base::System::Real());
  watch.SetRules({Adopting("default")});
  watch.Start();
  SetPanes({}, true);
  AwaitLists(3);
  SetPanes({{.pid = 1}});
  AwaitLists(2);
  EXPECT_THAT(Told(), ElementsAre(1));
}

TEST_F(PaneWatchTest, ARuleThatComesLaterIsHeard) {
  PaneWatch watch(Options(), base::System::Real());
  watch.Start();
  watch.SetRules({Adopting("default")});
  AwaitLists(3);
  watch.Stop();
  EXPECT_THAT(Told(), ElementsAre(1));
}

TEST_F(PaneWatchTest, WithoutAThreadTheFirstListCounts) {
  base::RefusingSystem system;
  system.threads = 0;
  PaneWatch watch(Options(), system);
  watch.SetRules({Adopting("default")});
  watch.Start();
  EXPECT_THAT(Told(), ElementsAre(1));
}

}  // namespace
}  // namespace agent_exporter::serve
