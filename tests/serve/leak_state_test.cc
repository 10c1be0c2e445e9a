#include "serve/leak_state.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "tests/base/logged.h"

namespace agent_exporter::serve {
namespace {

namespace fs = std::filesystem;

constexpr double kBoot = 1.7e9;

class LeakStateTest : public testing::Test {
 protected:
  LeakStateTest() {
    std::string pattern = testing::TempDir() + "leak_state_XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~LeakStateTest() override { fs::remove_all(directory_); }

  // Some life of one agent, so that there is something to keep.
  static void Fill(leaks::LeakBook& book) {
    for (int minute = 0; minute < 160; ++minute) Look(book, minute);
  }
  static agents::AgentSample Look(leaks::LeakBook& book, int minute) {
    agents::AgentSample agent;
    agent.name = "codex";
    agents::ProcessSample& root = agent.processes.emplace_back();
    root.key = {10, 7};
    root.role = agents::Role::kRoot;
    agent.holdings = {{agents::ResourceUse::Scope::kSelf, agents::ResourceUse::Resource::kFds,
                       agents::ResourceUse::Source::kRlimit,
                       static_cast<uint64_t>(1000 + 100 * std::max(0, minute - 100)), 10000, root.key}};
    book.Tick(minute * 60.0, &agent);
    return agent;
  }
  std::string File() const { return directory_ + "/leak.state"; }
  std::string Contents(const std::string& path) const {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  std::string directory_;
};

TEST_F(LeakStateTest, WhatOneSavesTheNextTakesUp) {
  leaks::LeakBook book;
  Fill(book);
  LeakState(directory_, book, kBoot, base::System::Real()).Finish();
  leaks::LeakBook next;
  LeakState state(directory_, next, kBoot, base::System::Real());
  state.Load();
  EXPECT_EQ(Look(next, 160).leaks.size(), 1u);
  EXPECT_EQ(fs::status(File()).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_FALSE(fs::exists(File() + ".new"));
}

TEST_F(LeakStateTest, TicksSaveNowAndThen) {
  leaks::LeakBook book;
  Fill(book);
  LeakState state(directory_, book, kBoot, base::System::Real());
  state.OnTick(1000);
  state.OnTick(1000 + LeakState::kSaveSeconds - 1);
  EXPECT_FALSE(fs::exists(File()));
  state.OnTick(1000 + LeakState::kSaveSeconds);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!fs::exists(File()) && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(Contents(File()), book.Save(kBoot));
}

TEST_F(LeakStateTest, WithoutAFileItStartsAnew) {
  leaks::LeakBook book;
  LeakState(directory_, book, kBoot, base::System::Real()).Load();
  EXPECT_TRUE(fs::is_empty(directory_));
}

TEST_F(LeakStateTest, AnAlienFileIsSetAside) {
  std::ofstream(File()) << "{\"somebody\": \"else\"}";
  leaks::LeakBook book;
  LeakState state(directory_, book, kBoot, base::System::Real());
  state.Load();
  EXPECT_FALSE(fs::exists(File()));
  EXPECT_EQ(Contents(File() + ".bad"), "{\"somebody\": \"else\"}");
  state.Finish();
  EXPECT_TRUE(fs::exists(File()));
}

TEST_F(LeakStateTest, AnotherVersionsStateIsPassedOverWithOneLine) {
  const std::string old = "agent_exporter leak state 2\nbytes of a struct";
  std::ofstream(File()) << old;
  leaks::LeakBook book;
  const base::Logged log;
  LeakState state(directory_, book, kBoot, base::System::Real());
  state.Load();
  EXPECT_EQ(Contents(File()), old);
  EXPECT_FALSE(fs::exists(File() + ".bad"));
  EXPECT_EQ(log.count(), 1u) << log.text();
  EXPECT_NE(log.text().find("version 2; this program reads version 4"), std::string::npos) << log.text();
  state.Finish();
  EXPECT_EQ(Contents(File()), book.Save(kBoot));
}

}  // namespace
}  // namespace agent_exporter::serve
