#include "serve/leak_state.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <thread>

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
  static void Fill(agents::LeakBook& book) {
    for (int minute = 0; minute < 160; ++minute) Look(book, minute);
  }
  static agents::AgentSample Look(agents::LeakBook& book, int minute) {
    agents::AgentSample agent;
    agent.name = "codex";
    agents::ProcessSample& root = agent.processes.emplace_back();
    root.key = {10, 7};
    root.role = agents::Role::kRoot;
    agent.resources = {{agents::ResourceUse::Scope::kSelf, agents::ResourceUse::Resource::kFds,
                        agents::ResourceUse::Source::kRlimit,
                        static_cast<uint64_t>(1000 + 100 * std::max(0, minute - 100)), 10000}};
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
  agents::LeakBook book;
  Fill(book);
  LeakState(directory_, book, kBoot, base::System::Real()).Finish();
  agents::LeakBook next;
  LeakState state(directory_, next, kBoot, base::System::Real());
  state.Load();
  EXPECT_TRUE(std::isfinite(Look(next, 160).leaks.at(0).seconds_to_limit));
  EXPECT_EQ(fs::status(File()).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_FALSE(fs::exists(File() + ".new"));
}

TEST_F(LeakStateTest, TicksSaveNowAndThen) {
  agents::LeakBook book;
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
  agents::LeakBook book;
  LeakState(directory_, book, kBoot, base::System::Real()).Load();
  EXPECT_TRUE(fs::is_empty(directory_));
}

TEST_F(LeakStateTest, AnAlienFileIsSetAside) {
  std::ofstream(File()) << "{\"somebody\": \"else\"}";
  agents::LeakBook book;
  LeakState state(directory_, book, kBoot, base::System::Real());
  state.Load();
  EXPECT_FALSE(fs::exists(File()));
  EXPECT_EQ(Contents(File() + ".bad"), "{\"somebody\": \"else\"}");
  state.Finish();
  EXPECT_TRUE(fs::exists(File()));
}

class Refusing : public base::System {
 public:
  absl::StatusOr<std::thread> StartThread(std::function<void()> body) override {
    return threads ? base::System::StartThread(std::move(body)) : absl::ResourceExhaustedError("no more");
  }
  ssize_t Write(int fd, const void* data, size_t size) override {
    if (room) return base::System::Write(fd, data, size);
    errno = ENOSPC;
    return -1;
  }
  int Rename(const std::string& from, const std::string& to) override {
    if (renames) return base::System::Rename(from, to);
    errno = EROFS;
    return -1;
  }
  bool threads = true, room = true, renames = true;
};

// What is logged while it lives.
class Logged {
 public:
  Logged() : before_(spdlog::default_logger()) {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(lines_, /*force_flush=*/true)));
  }
  ~Logged() { spdlog::set_default_logger(before_); }
  std::string text() const { return lines_.str(); }
  size_t count() const {
    const std::string all = text();
    return static_cast<size_t>(std::count(all.begin(), all.end(), '\n'));
  }

 private:
  const std::shared_ptr<spdlog::logger> before_;
  std::ostringstream lines_;
};

TEST_F(LeakStateTest, AFullDiskLeavesTheOldStateAndIsLoggedOnce) {
  agents::LeakBook book;
  Fill(book);
  Refusing system;
  LeakState(directory_, book, kBoot, system).Finish();
  const std::string old = Contents(File());
  Look(book, 160);
  for (bool* refused : {&system.room, &system.renames}) {
    *refused = false;
    const Logged log;
    LeakState state(directory_, book, kBoot, system);
    state.Finish();
    state.Finish();
    EXPECT_EQ(Contents(File()), old);
    EXPECT_FALSE(fs::exists(File() + ".new"));
    EXPECT_EQ(log.count(), 1u) << log.text();
    EXPECT_NE(log.text().find("leak evidence is not saved"), std::string::npos);
    *refused = true;
    state.Finish();
    EXPECT_EQ(Contents(File()), book.Save(kBoot));
    std::ofstream(File()) << old;
  }
}

TEST_F(LeakStateTest, WithoutAThreadItIsSavedAtTheEnd) {
  agents::LeakBook book;
  Fill(book);
  Refusing system;
  system.threads = false;
  const Logged log;
  LeakState state(directory_, book, kBoot, system);
  for (int i = 0; i < 4; ++i) state.OnTick(1000 + i * LeakState::kSaveSeconds);
  EXPECT_FALSE(fs::exists(File()));
  EXPECT_EQ(log.count(), 1u) << log.text();
  state.Finish();
  EXPECT_EQ(Contents(File()), book.Save(kBoot));
}

TEST_F(LeakStateTest, AnotherVersionsStateIsPassedOverWithOneLine) {
  const std::string old = "agent_exporter leak state 2\nbytes of a struct";
  std::ofstream(File()) << old;
  agents::LeakBook book;
  const Logged log;
  LeakState state(directory_, book, kBoot, base::System::Real());
  state.Load();
  EXPECT_EQ(Contents(File()), old);
  EXPECT_FALSE(fs::exists(File() + ".bad"));
  EXPECT_EQ(log.count(), 1u) << log.text();
  EXPECT_NE(log.text().find("of version 2; this program reads version 3"), std::string::npos) << log.text();
  state.Finish();
  EXPECT_EQ(Contents(File()), book.Save(kBoot));
}

TEST_F(LeakStateTest, NothingIsWrittenThroughALink) {
  std::ofstream(directory_ + "/precious") << "mine";
  fs::create_symlink(directory_ + "/precious", File() + ".new");
  agents::LeakBook book;
  Fill(book);
  LeakState(directory_, book, kBoot, base::System::Real()).Finish();
  EXPECT_EQ(Contents(directory_ + "/precious"), "mine");
}

}  // namespace
}  // namespace agent_exporter::serve
