#include "leaks/leak_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

namespace agent_exporter::leaks {
namespace {

constexpr double kBoot = 1.7e9;

agents::AgentSample Agent(const std::string& name, uint64_t started, double used) {
  agents::AgentSample agent;
  agent.name = name;
  if (started != 0) {
    agents::ProcessSample& root = agent.processes.emplace_back();
    root.key = {10, started};
    root.role = agents::Role::kRoot;
  }
  agent.holdings = {{agents::ResourceUse::Scope::kTree, agents::ResourceUse::Resource::kFds,
                     agents::ResourceUse::Source::kRlimit, static_cast<uint64_t>(used), 10000}};
  return agent;
}

// A leak of an hour and a half, seen for `minutes` from its 100 healthy minutes on.
agents::AgentSample Leak(LeakBook& book, int from, int to, const std::string& name = "codex",
                         uint64_t started = 7) {
  agents::AgentSample agent;
  for (int minute = from; minute < to; ++minute) {
    agent = Agent(name, started, 1000 + 100.0 * std::max(0, minute - 100));
    book.Tick(minute * 60.0, &agent);
  }
  return agent;
}

bool HasEvidence(const agents::AgentSample& agent) { return agent.leaks.size() == 1; }

TEST(LeakBook, FillsInWhatIsKnownOfEachResource) {
  LeakBook book;
  const agents::AgentSample agent = Leak(book, 0, 160);
  ASSERT_TRUE(HasEvidence(agent));
  EXPECT_EQ(agent.leaks[0].scope, agents::ResourceUse::Scope::kTree);
  EXPECT_EQ(agent.leaks[0].resource, agents::ResourceUse::Resource::kFds);
  agents::AgentSample again = Agent("codex", 7, 1);
  book.Show(&again);
  EXPECT_TRUE(HasEvidence(again)) << "looks between ticks show the last tick's";
}

TEST(LeakBook, ALeakOfMemoryNamesTheCommandThatGrows) {
  LeakBook book;
  agents::AgentSample agent;
  const auto at = [&agent](int minute) {
    const uint64_t used = (1000 + 100 * static_cast<uint64_t>(std::max(0, minute - 100))) << 20;
    agent = Agent("codex", 7, 0);
    agent.processes.push_back({.command = "mcp-server"});
    agent.processes[0].usage.resident_bytes = 1 << 20;
    agent.processes[1].usage.resident_bytes = used;
    agent.holdings[0] = {agents::ResourceUse::Scope::kTree, agents::ResourceUse::Resource::kMemory,
                         agents::ResourceUse::Source::kCgroup, used, uint64_t{10000} << 20};
  };
  for (int minute = 0; minute < 160; ++minute) {
    at(minute);
    book.Tick(minute * 60.0, &agent);
  }
  ASSERT_TRUE(HasEvidence(agent));
  ASSERT_TRUE(agent.leaks[0].grown);
  EXPECT_EQ(agent.leaks[0].grown->command, "mcp-server");
  EXPECT_GT(agent.leaks[0].grown->bytes, uint64_t{1000} << 20);
  at(160);
  book.Show(&agent);
  ASSERT_TRUE(HasEvidence(agent));
  EXPECT_TRUE(agent.leaks[0].grown) << "between ticks too";
}

TEST(LeakBook, AnAgentThatWasRestartedStartsAnew) {
  LeakBook book;
  ASSERT_TRUE(HasEvidence(Leak(book, 0, 160)));
  EXPECT_FALSE(HasEvidence(Leak(book, 160, 161, "codex", 8)));
}

TEST(LeakBook, AgentsAreKeptApart) {
  LeakBook book;
  ASSERT_TRUE(HasEvidence(Leak(book, 0, 160)));
  EXPECT_FALSE(HasEvidence(Leak(book, 160, 161, "claude")));
}

TEST(LeakBook, WithoutARootThereIsNothing) {
  LeakBook book;
  Leak(book, 0, 160);
  agents::AgentSample down = Agent("codex", 0, 5000);
  book.Tick(160 * 60.0, &down);
  EXPECT_THAT(down.leaks, testing::IsEmpty());
  EXPECT_FALSE(HasEvidence(Leak(book, 161, 162))) << "forgotten";
}

// Minutes of the next life until there is evidence.
int MinutesToEvidence(LeakBook& book, int from, uint64_t started) {
  for (int minute = 0; minute < 160; ++minute) {
    agents::AgentSample agent = Agent("codex", started, 1000 + 60.0 * minute);
    book.Tick((from + minute) * 60.0, &agent);
    if (HasEvidence(agent)) return minute;
  }
  return -1;
}

TEST(LeakBook, KnowsOverARestartOfBothThatTheAgentLeaked) {
  LeakBook innocent;
  const int at_first = MinutesToEvidence(innocent, 0, 7);
  ASSERT_GT(at_first, 0);

  LeakBook before;
  ASSERT_TRUE(HasEvidence(Leak(before, 0, 185))) << "near the limit";
  agents::AgentSample down = Agent("codex", 0, 0);
  before.Tick(185 * 60.0, &down);
  before.Tick(186 * 60.0, &down);
  before.ForgetUnseen();
  LeakBook after;
  ASSERT_TRUE(after.Load(before.Save(kBoot), kBoot).ok());
  const int relapse = MinutesToEvidence(after, 240, 8);
  EXPECT_GT(relapse, 0);
  EXPECT_LT(relapse, at_first * 4 / 5);
}

TEST(LeakBook, OneOfManySessionsIsSeenWhileOthersComeAndGo) {
  LeakBook book;
  agents::AgentSample agent;
  for (int minute = 0; minute < 160; ++minute) {
    agent = agents::AgentSample();
    agent.name = "codex";
    for (const pid_t pid : {10, 20 + minute / 15, 60 + minute / 40}) {
      agents::ProcessSample& root = agent.processes.emplace_back();
      root.key = {pid, 1};
      root.role = agents::Role::kRoot;
      const double used = pid == 10 ? 1000 + 100.0 * std::max(0, minute - 100) : 10.0 * pid + minute % 15;
      agent.holdings.push_back({agents::ResourceUse::Scope::kSelf, agents::ResourceUse::Resource::kFds,
                                agents::ResourceUse::Source::kRlimit, static_cast<uint64_t>(used), 10000,
                                root.key});
    }
    book.Tick(minute * 60.0, &agent);
  }
  ASSERT_EQ(agent.leaks.size(), 1u);
  EXPECT_EQ(agent.leaks[0].use.holder.pid, 10);
  // Its end ends its verdict, and nothing else.
  std::erase_if(agent.processes, [](const auto& process) { return process.key.pid == 10; });
  std::erase_if(agent.holdings, [](const auto& use) { return use.holder.pid == 10; });
  book.Tick(160 * 60.0, &agent);
  EXPECT_THAT(agent.leaks, testing::IsEmpty());
}

TEST(LeakBook, AProcessBelowItsShareForAWhileIsNoNewOne) {
  LeakBook book;
  agents::AgentSample agent = Leak(book, 0, 130);
  const auto holdings = std::exchange(agent.holdings, {});
  for (int minute = 130; minute < 140; ++minute) book.Tick(minute * 60.0, &agent);
  EXPECT_THAT(agent.leaks, testing::IsEmpty());
  EXPECT_TRUE(HasEvidence(Leak(book, 140, 160)));
}

TEST(LeakBook, ForgetsWhoWasNotNamed) {
  LeakBook book;
  Leak(book, 0, 160);
  book.ForgetUnseen();
  agents::AgentSample agent = Agent("codex", 7, 1);
  book.Show(&agent);
  EXPECT_TRUE(HasEvidence(agent));
  book.ForgetUnseen();
  book.Show(&agent);
  EXPECT_THAT(agent.leaks, testing::IsEmpty());
}

TEST(LeakBook, EvidenceGoesOnAfterARestartOfTheExporter) {
  LeakBook before;
  Leak(before, 0, 130);
  LeakBook after;
  ASSERT_TRUE(after.Load(before.Save(kBoot), kBoot + 1).ok());
  // Three minutes away.
  EXPECT_TRUE(HasEvidence(Leak(after, 133, 160)));
  LeakBook fresh;
  EXPECT_FALSE(HasEvidence(Leak(fresh, 133, 160))) << "without the state it would not be known yet";
}

TEST(LeakBook, ALoadedAgentThatWasRestartedMeanwhileStartsAnew) {
  LeakBook before;
  Leak(before, 0, 160);
  LeakBook after;
  ASSERT_TRUE(after.Load(before.Save(kBoot), kBoot).ok());
  EXPECT_FALSE(HasEvidence(Leak(after, 161, 162, "codex", 8)));
}

TEST(LeakBook, StateOfAnotherBootIsDropped) {
  LeakBook before;
  Leak(before, 0, 160);
  LeakBook after;
  ASSERT_TRUE(after.Load(before.Save(kBoot), kBoot + 3600).ok());
  EXPECT_FALSE(HasEvidence(Leak(after, 161, 162)));
}

// Byte by byte, so that a program built elsewhere or later reads the same.
TEST(LeakBook, TheFormatIsFixed) {
  const std::string empty = LeakBook().Save(1.7e9);
  const std::string head("agent_exporter leak state 4\n\0\0\0\x40\xfc\x54\xd9\x41\0\0\0\0", 28 + 12);
  EXPECT_EQ(empty.substr(0, head.size()), head);
  EXPECT_EQ(empty.size(), head.size() + 8);
  LeakBook book;
  Leak(book, 0, 160);
  const std::string saved = book.Save(kBoot);
  LeakBook again;
  ASSERT_TRUE(again.Load(saved, kBoot).ok());
  EXPECT_EQ(again.Save(kBoot), saved);
}

TEST(LeakBook, AnotherVersionIsToldApartFromDamage) {
  for (const std::string version : {"1", "2", "3", "27"}) {
    LeakBook book;
    Leak(book, 0, 160);
    const absl::Status status = book.Load("agent_exporter leak state " + version + "\nwhatever", kBoot);
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr("version " + version + "; "));
    EXPECT_TRUE(HasEvidence(Leak(book, 160, 161)));
  }
  EXPECT_TRUE(absl::IsInvalidArgument(LeakBook().Load("agent_exporter leak state 2", kBoot)));
}

TEST(LeakBook, DamagedBytesChangeNothing) {
  LeakBook before;
  Leak(before, 0, 160);
  const std::string good = before.Save(kBoot);
  std::string flipped = good;
  flipped[flipped.size() / 2] ^= 1;
  for (const std::string& bad : {std::string(), std::string("{}"), good.substr(0, good.size() - 1),
                                 good + "x", good.substr(0, 40), flipped}) {
    LeakBook book;
    Leak(book, 0, 160);
    EXPECT_TRUE(absl::IsInvalidArgument(book.Load(bad, kBoot))) << bad.size();
    EXPECT_TRUE(HasEvidence(Leak(book, 160, 161)));
  }
}

}  // namespace
}  // namespace agent_exporter::leaks
