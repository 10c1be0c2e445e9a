#include "sessions/opencode_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>

#include "base/sqlite.h"
#include "sessions/json_fields.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::sessions {
namespace {

using nlohmann::json;
using Code = absl::StatusCode;
using Status = SessionStatus;

// As version 1.18 makes it, without what the reader does not look at.
constexpr char kSchema[] =
    "PRAGMA journal_mode=WAL;"
    "CREATE TABLE session (id text PRIMARY KEY, parent_id text, directory text NOT NULL, title text NOT "
    "NULL, "
    "  time_created integer NOT NULL, time_updated integer NOT NULL);"
    "CREATE INDEX session_parent_idx ON session (parent_id);"
    "CREATE TABLE message (id text PRIMARY KEY, session_id text NOT NULL, time_created integer NOT NULL, "
    "  time_updated integer NOT NULL, data text NOT NULL);"
    "CREATE INDEX message_session_time_created_id_idx ON message (session_id, time_created, id);"
    "CREATE TABLE part (id text PRIMARY KEY, message_id text NOT NULL, session_id text NOT NULL, "
    "  time_created integer NOT NULL, time_updated integer NOT NULL, data text NOT NULL);"
    "CREATE INDEX part_session_idx ON part (session_id);";

constexpr int64_t kStart = 1'769'000'000'000;

json UserMessage(int64_t time) { return {{"role", "user"}, {"time", {{"created", time}}}}; }
json Step(int64_t time) {
  return {{"role", "assistant"},
          {"modelID", "m1"},
          {"providerID", "fake"},
          {"path", {{"cwd", "/secret"}}},
          {"tokens", {{"input", 0}, {"output", 0}, {"reasoning", 0}, {"cache", {{"read", 0}, {"write", 0}}}}},
          {"time", {{"created", time}}}};
}
json EndedStep(int64_t time, const std::string& finish) {
  json step = Step(time);
  step["tokens"] = {{"total", 1060},
                    {"input", 600},
                    {"output", 30},
                    {"reasoning", 20},
                    {"cache", {{"read", 400}, {"write", 10}}}};
  step["time"]["completed"] = time + 500;
  step["finish"] = finish;
  return step;
}
json Tool(const std::string& name, const std::string& status) {
  return {{"type", "tool"},
          {"tool", name},
          {"callID", "c"},
          {"state",
           {{"status", status}, {"input", {{"command", "secret"}}}, {"time", {{"start", kStart + 1500}}}}}};
}

class OpencodeReaderTest : public ::testing::Test {
 protected:
  OpencodeReaderTest() {
    process_.uid = ::getuid();
    process_.start_seconds = kStart / 1000;
    process_.cwd = "/w/proj";
    process_.home = tree_.root() + "/home";
    tree_.MakeDirectory("home/.local/share/opencode");
    Run(kSchema);
    AddSession("s");
  }
  void Run(const std::string& sql) {
    const absl::Status status = writer_.Run(sql.c_str());
    ASSERT_TRUE(status.ok()) << status;
  }
  void AddSession(const std::string& id, const std::string& directory = "/w/proj", int64_t updated = kStart,
                  const std::string& parent = "NULL") {
    Run("INSERT INTO session VALUES ('" + id + "', " + parent + ", '" + directory + "', 'secret title', " +
        std::to_string(kStart - 1000) + ", " + std::to_string(updated) + ")");
  }
  void Put(const std::string& id, const json& data, const std::string& session = "s") {
    const std::string time = std::to_string(data["time"]["created"].get<int64_t>());
    Run("INSERT OR REPLACE INTO message VALUES ('" + id + "', '" + session + "', " + time + ", " + time +
        ", '" + data.dump() + "')");
  }
  void PutPart(const std::string& id, const json& data) {
    Run("INSERT OR REPLACE INTO part VALUES ('" + id + "', 'm', 's', 1, 1, '" + data.dump() + "')");
  }
  static absl::StatusOr<SessionState> Read(OpencodeReader& reader, const SessionProcess& process) {
    uint64_t bytes = 64 << 20;
    return reader.Read(process, &bytes);
  }
  SessionState Read() {
    const auto state = Read(reader_, process_);
    EXPECT_TRUE(state.ok()) << state.status();
    return state.ok() ? *state : SessionState();
  }
  // The claim of a session whose only message this is.
  std::optional<Status> ClaimOf(const json& message) {
    Run("DELETE FROM message");
    Put("m1", message);
    OpencodeReader reader((ReaderOptions()));
    return Read(reader, process_)->claim;
  }
  // Names, contents and times of the files.
  std::map<std::string, std::string> Files() const {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      std::ifstream file(entry.path(), std::ios::binary);
      std::stringstream text;
      struct stat stat = {};
      ::stat(entry.path().c_str(), &stat);
      text << stat.st_mtim.tv_sec << " " << stat.st_mtim.tv_nsec << " " << file.rdbuf();
      files[entry.path().filename()] = text.str();
    }
    return files;
  }

  kernel::FakeTree tree_;
  const std::string folder_ = tree_.root() + "/home/.local/share/opencode";
  SessionProcess process_;
  base::Database writer_ = [this] {
    tree_.MakeDirectory("home/.local/share/opencode");
    return *base::Database::Open(folder_ + "/opencode.db", base::Database::Mode::kCreate);
  }();
  OpencodeReader reader_{ReaderOptions()};
};

TEST_F(OpencodeReaderTest, ATurnThatIsOnlyInTheLog) {
  ASSERT_LE(std::filesystem::file_size(folder_ + "/opencode.db"), 4096u);
  EXPECT_EQ(Read().claim, std::nullopt);
  Put("m1", UserMessage(kStart));
  EXPECT_EQ(Read().claim, Status::kWorking);
  Put("m2", Step(kStart + 1000));
  PutPart("p1", Tool("bash", "running"));
  SessionState state = Read();
  EXPECT_EQ(state.claim, Status::kWorking);
  EXPECT_EQ(state.model, "m1");
  EXPECT_EQ(state.tool, "bash");
  EXPECT_EQ(state.tool_since, (kStart + 1500) / 1000.0);
  EXPECT_TRUE(state.local_tool);
  EXPECT_EQ(state.context_tokens, std::nullopt);
  Put("m2", EndedStep(kStart + 1000, "tool-calls"));
  PutPart("p1", Tool("bash", "completed"));
  EXPECT_EQ(Read().claim, Status::kWorking);
  EXPECT_EQ(Read().tool, std::nullopt);
  Put("m3", EndedStep(kStart + 2000, "stop"));
  state = Read();
  EXPECT_EQ(state.claim, Status::kIdle);
  EXPECT_EQ(state.context_tokens, 1060u);
  EXPECT_EQ(state.last_activity, (kStart + 2500) / 1000.0);
  EXPECT_EQ(
      *state.tokens,
      (TokenCounts{.input = 1200, .output = 60, .cache_read = 800, .cache_creation = 20, .reasoning = 40}));
  ASSERT_EQ(state.actions.size(), 1u);
  EXPECT_EQ(state.actions[0].preview, "bash");
}

TEST_F(OpencodeReaderTest, Claims) {
  EXPECT_EQ(ClaimOf(EndedStep(kStart, "length")), Status::kIdle);
  EXPECT_EQ(ClaimOf(EndedStep(kStart, "unknown")), Status::kWorking);
  json failed = Step(kStart);
  failed["time"]["completed"] = kStart + 700;
  failed["error"] = {{"name", "APIError"}, {"data", {{"message", "secret"}, {"statusCode", 429}}}};
  EXPECT_EQ(ClaimOf(failed), Status::kIdle);
  ASSERT_EQ(Read().errors.size(), 1u);
  EXPECT_EQ(Read().errors[0], (ServiceError{kStart + 700, "status 429"}));
  failed["error"] = {{"name", "MessageAbortedError"}, {"data", {{"message", "secret"}}}};
  EXPECT_EQ(ClaimOf(failed), Status::kIdle);
  EXPECT_EQ(ClaimOf({{"role", "of tomorrow"}, {"time", {{"created", kStart}}}}), std::nullopt);
  PutPart("p1", Tool("question", "running"));
  EXPECT_EQ(ClaimOf(Step(kStart)), Status::kWaiting);
  json summary = EndedStep(kStart, "stop");
  summary["summary"] = true;
  ClaimOf(summary);
  EXPECT_EQ(Read().context_tokens, std::nullopt);
}

TEST_F(OpencodeReaderTest, ChangesNoFileAndTakesNoLock) {
  Put("m1", UserMessage(kStart));
  Run("BEGIN IMMEDIATE");  // another's lock
  Put("m2", EndedStep(kStart + 1000, "stop"));
  const auto before = Files();
  EXPECT_EQ(Read().claim, Status::kWorking);  // what is not committed is not there
  EXPECT_EQ(Files(), before);
  Run("COMMIT");
  EXPECT_EQ(Read().claim, Status::kIdle);
  // The log begins anew, and goes.
  EXPECT_EQ(writer_.Number("PRAGMA wal_checkpoint(RESTART)").value(), 0);
  EXPECT_EQ(Read().claim, Status::kIdle);
  Put("m3", UserMessage(kStart + 2000));
  EXPECT_EQ(Read().claim, Status::kWorking);
  EXPECT_EQ(writer_.Number("PRAGMA wal_checkpoint(TRUNCATE)").value(), 0);
  EXPECT_EQ(Read().claim, Status::kWorking);
  writer_ = *base::Database::Open(":memory:", base::Database::Mode::kCreate);
  const auto closed = Files();
  ASSERT_EQ(closed.size(), 1u);  // no -wal and no -shm
  OpencodeReader other((ReaderOptions()));
  EXPECT_EQ(Read(other, process_)->claim, Status::kWorking);
  EXPECT_EQ(Files(), closed);
}

TEST_F(OpencodeReaderTest, WhatWasRolledBackIsNotThere) {
  Put("m1", EndedStep(kStart, "stop"));
  EXPECT_EQ(Read().claim, Status::kIdle);
  Run("PRAGMA cache_size=1; BEGIN");  // spills into the log
  for (int i = 0; i < 200; ++i) Put("x" + std::to_string(i), UserMessage(kStart + 1000 + i));
  EXPECT_EQ(Read().claim, Status::kIdle);
  Run("ROLLBACK");
  EXPECT_EQ(Read().claim, Status::kIdle);
  Put("m2", EndedStep(kStart + 1000, "stop"));  // over a part of what was spilled
  EXPECT_EQ(Read().tokens->input, 1200u);
}

TEST_F(OpencodeReaderTest, FreshTokensCountOnce) {
  reader_.~OpencodeReader();
  new (&reader_) OpencodeReader({.count_from = kStart / 1000.0 + 1});
  Put("m1", EndedStep(kStart, "stop"));
  EXPECT_TRUE(Read().fresh.empty());
  Put("m2", EndedStep(kStart + 5000, "stop"));
  EXPECT_EQ(Read().fresh["m1"].input, 600u);
  EXPECT_TRUE(Read().fresh.empty());
  AddSession("other", "/w/proj", kStart + 9000);
  EXPECT_EQ(Read().tokens->total(), 0u);
  Run("UPDATE session SET time_updated = 1 WHERE id = 'other'");  // back to the first one
  const SessionState state = Read();
  EXPECT_EQ(state.tokens->input, 1200u);
  EXPECT_TRUE(state.fresh.empty());
}

TEST_F(OpencodeReaderTest, SubagentsCountWithTheirSession) {
  Put("m1", Step(kStart));
  AddSession("child", "/w/proj", kStart + 5000, "'s'");
  Put("c1", Step(kStart + 100), "child");
  EXPECT_EQ(Read().subagents, 1u);
  Put("c1", EndedStep(kStart + 100, "stop"), "child");
  const SessionState state = Read();
  EXPECT_EQ(state.subagents, 0u);
  EXPECT_EQ(state.tokens->input, 600u);
  EXPECT_EQ(state.claim, Status::kWorking);
}

TEST_F(OpencodeReaderTest, WhoseSessionItIs) {
  Put("m1", UserMessage(kStart));
  process_.cwd = "/w/other";
  EXPECT_EQ(Read(reader_, process_).status().code(), Code::kNotFound);
  process_.cwd = "/w/proj";
  process_.alone = false;
  EXPECT_EQ(Read(reader_, process_).status().code(), Code::kNotFound);
  process_.alone = true;
  process_.start_seconds = kStart / 1000 + 60;  // the session is an earlier process'
  EXPECT_EQ(Read(reader_, process_).status().code(), Code::kNotFound);
  Run("UPDATE session SET time_updated = " + std::to_string(kStart + 70'000));
  EXPECT_EQ(Read().claim, Status::kWorking);
  process_.environment["XDG_DATA_HOME"] = tree_.root() + "/elsewhere";
  EXPECT_EQ(Read(reader_, process_).status().code(), Code::kNotFound);
}

TEST_F(OpencodeReaderTest, LongSessionsAreReadInPieces) {
  Run("BEGIN");
  for (int i = 0; i < 2500; ++i) Put("m" + std::to_string(i), EndedStep(kStart + i, "stop"));
  Run("COMMIT");
  SessionState state;
  int looks = 0;
  for (; !state.tokens && looks < 10; ++looks) state = Read();
  EXPECT_GT(looks, 1);
  EXPECT_EQ(state.tokens->input, 2500u * 600);
}

TEST_F(OpencodeReaderTest, OtherShapesAreRefused) {
  const auto refused = [this](const std::string& name, const std::string& text) {
    tree_.Write("home/.local/share/opencode/" + name, text);
    OpencodeReader reader((ReaderOptions()));
    return Read(reader, process_).status();
  };
  Put("m1", UserMessage(kStart));
  Run("UPDATE message SET data = '" + std::string(5000, '[') + "'");
  EXPECT_EQ(Read().claim, std::nullopt);
  Run("ALTER TABLE message RENAME COLUMN data TO text");  // a version of tomorrow
  EXPECT_FALSE(Read(reader_, process_).ok());
  writer_ = *base::Database::Open(":memory:", base::Database::Mode::kCreate);
  EXPECT_FALSE(refused("opencode.db", std::string(10000, 'x')).ok());
  EXPECT_FALSE(refused("opencode.db", "").ok());
  tree_.Remove("home/.local/share/opencode/opencode.db");
  tree_.Link("home/.local/share/opencode/opencode.db", "/etc/passwd");
  OpencodeReader reader((ReaderOptions()));
  EXPECT_EQ(Read(reader, process_).status().code(), Code::kFailedPrecondition);
}

// Each transaction adds a message to each of two sessions, and moves the log's pages back now and then: the
// reader never sees half of it.
TEST_F(OpencodeReaderTest, NeverMixesTwoStates) {
  AddSession("child", "/w/proj", kStart, "'s'");
  Run("PRAGMA wal_autocheckpoint=5; PRAGMA synchronous=OFF");
  std::atomic<bool> done = false;
  std::thread thread([this, &done] {
    for (int i = 0; i < 400; ++i) {
      Run("BEGIN");
      Put("a" + std::to_string(i), EndedStep(kStart + i, "stop"));
      Put("b" + std::to_string(i), EndedStep(kStart + i, "stop"), "child");
      Run("COMMIT");
    }
    done = true;
  });
  uint64_t good = 0, newest = 0;
  for (bool last = false; !last;) {
    last = done;
    const auto state = Read(reader_, process_);
    if (!state.ok()) continue;
    ++good;
    EXPECT_EQ(state->tokens->input % 1200, 0u);
    EXPECT_GE(state->tokens->input, newest);
    newest = state->tokens->input;
  }
  thread.join();
  EXPECT_GT(good, 0u);
  EXPECT_EQ(Read().tokens->input, 400u * 1200);
}

}  // namespace
}  // namespace agent_exporter::sessions
