// A Tracker that is told of forks, execs and exits between its snapshots.

#ifndef AGENT_EXPORTER_TESTS_AGENTS_TRACKER_EVENTS_FIXTURE_H_
#define AGENT_EXPORTER_TESTS_AGENTS_TRACKER_EVENTS_FIXTURE_H_

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "tests/agents/fake_host.h"

namespace agent_exporter::agents {

inline constexpr int64_t kMs = 1'000'000;
using Kind = kernel::ProcessEvent::Kind;

// A codex agent with pid 10 whose events are told, as the Observer would have it after its first look.
class TrackerEventsTest : public testing::Test {
 protected:
  TrackerEventsTest() {
    t_.host.Add(10, 1, "codex");
    t_.Look();
    EXPECT_EQ(t_.tracker().TakeUntracked(&disagreements_).size(), 1u);
    t_.tracker().ApplyEvents({});
  }

  void Fork(pid_t pid, pid_t parent) {
    t_.host.Fork(pid, parent);
    Tell({.kind = Kind::kFork, .key = t_.host.at(pid).key, .parent = parent, .comm = t_.host.at(pid).comm});
  }
  void Exit(pid_t pid, int status = 0) {
    Tell({.kind = Kind::kExit, .key = t_.host.at(pid).key, .status = status});
  }
  void Tell(kernel::ProcessEvent event) { t_.tracker().ApplyEvents({std::move(event)}); }

  // A look at the members only, as the observer makes it.
  void Look() {
    std::vector<kernel::ProcessStat> rows;
    for (const kernel::ProcessKey& key : t_.tracker().KeysToRead()) {
      if (t_.host.alive(key.pid) && (key.start_ticks == 0 || t_.host.at(key.pid).key == key)) {
        rows.push_back(t_.host.at(key.pid));
      }
    }
    t_.LookAt(std::move(rows), Walk::kMembers);
  }
  const AgentCounters& Codex() const { return t_.Counters("codex"); }

  TrackedHost t_{{TrackedHost::CommRule("codex"), TrackedHost::CommRule("claude")}};
  uint64_t disagreements_ = 0;
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_TESTS_AGENTS_TRACKER_EVENTS_FIXTURE_H_
