#include "snapshot/store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/descriptor.h"
#include "tests/kernel/child_process.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::snapshot {
namespace {

using Json = nlohmann::ordered_json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

Json Snapshot(int value) {
  return {{"agent", "claude"}, {"timestamp", "2026-01-01T00:00:00+00:00"}, {"value", value}};
}

struct Unmount {
  std::string path;
  ~Unmount() { ::umount(path.c_str()); }
};

class StoreTest : public ::testing::Test {
 protected:
  absl::StatusOr<StoredSnapshot> Write(Json snapshot) const {
    return SnapshotStore({.dir = dir()}).Write("claude", std::move(snapshot), DiffOptions());
  }
  std::string dir() const { return tree_.root() + "/a/b"; }
  std::string Path(const std::string& kind) const { return dir() + "/claude." + kind + ".json"; }
  Json Read(const std::string& kind) const { return Json::parse(Contents(Path(kind))); }
  std::set<std::string> Files() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(dir()))
      names.insert(entry.path().filename());
    return names;
  }

  kernel::FakeTree tree_;
};

TEST_F(StoreTest, FirstSnapshotHasNoDiff) {
  const auto stored = Write(Snapshot(1));
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->path, Path("latest"));
  EXPECT_FALSE(stored->diff.has_value());
  const Json latest = Read("latest");
  EXPECT_EQ(latest["value"], 1);
  EXPECT_EQ(latest["has_diff"], false);
  EXPECT_EQ(latest["diff_fields"], Json::array());
  EXPECT_EQ(latest, stored->snapshot);
  EXPECT_THAT(Files(), ElementsAre("claude.latest.json", "claude.lock"));
}

TEST_F(StoreTest, FilesAreTheOwnersAlone) {
  ASSERT_TRUE(Write(Snapshot(1)).ok());
  struct stat info{};
  ASSERT_EQ(::stat(dir().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  ASSERT_EQ(::stat(Path("latest").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(StoreTest, LatestRollsToPrevAndTheDiffIsWritten) {
  ASSERT_TRUE(Write(Snapshot(1)).ok());
  const std::string first = Contents(Path("latest"));
  const auto stored = Write(Snapshot(2));
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(Contents(Path("prev")), first);
  EXPECT_EQ(Read("latest")["has_diff"], true);
  EXPECT_EQ(Read("latest")["diff_fields"], Json::array({"value"}));
  EXPECT_EQ(
      Read("diff"),
      (Json{{"agent", "claude"}, {"timestamp", "2026-01-01T00:00:00+00:00"}, {"diff_fields", {"value"}}}));
  EXPECT_EQ(*stored->diff, Read("diff"));
  EXPECT_THAT(Files(),
              ElementsAre("claude.diff.json", "claude.latest.json", "claude.lock", "claude.prev.json"));
}

TEST_F(StoreTest, DiffFileIsWrittenOnlyWhenSomethingChanged) {
  ASSERT_TRUE(Write(Snapshot(1)).ok());
  ASSERT_TRUE(Write(Snapshot(2)).ok());
  const std::string diff = Contents(Path("diff"));
  Json same = Snapshot(2);
  same["timestamp"] = "2026-01-01T00:01:00+00:00";
  const auto stored = Write(same);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_FALSE(stored->diff.has_value());
  EXPECT_EQ(Read("latest")["has_diff"], false);
  EXPECT_EQ(Read("prev")["has_diff"], true);
  EXPECT_EQ(Contents(Path("diff")), diff);  // the last change stays
}

TEST_F(StoreTest, WithoutComparingNothingChanged) {
  ASSERT_TRUE(Write(Snapshot(1)).ok());
  const auto stored = SnapshotStore({.dir = dir()}).Write("claude", Snapshot(2), std::nullopt);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(Read("latest")["has_diff"], false);
  EXPECT_EQ(Read("prev")["value"], 1);
}

TEST_F(StoreTest, CorruptPreviousCountsAsNone) {
  ASSERT_TRUE(Write(Snapshot(1)).ok());
  ASSERT_TRUE(Write(Snapshot(2)).ok());
  const std::string bombs[] = {"",
                               "{\"value\": 1",
                               "[1]",
                               "null",
                               "\xff\xfe",
                               std::string(100000, '['),
                               "{\"value\": " + std::string(1000, '[') + std::string(1000, ']') + "}"};
  for (const std::string& corrupt : bombs) {
    std::ofstream(Path("latest"), std::ios::binary) << corrupt;
    const auto stored = Write(Snapshot(3));
    ASSERT_TRUE(stored.ok()) << stored.status();
    EXPECT_EQ(Read("latest")["has_diff"], false) << corrupt.substr(0, 40);
    EXPECT_EQ(Read("latest")["value"], 3);
    EXPECT_EQ(Read("prev")["value"], 1);  // valid, whatever lay under latest
  }
}

TEST_F(StoreTest, BytesThatAreNoTextDoNotSpoilTheFile) {
  Json snapshot = Snapshot(1);
  snapshot["host"] = "bad \xff byte";
  ASSERT_TRUE(Write(snapshot).ok());
  EXPECT_EQ(Read("latest")["host"], "bad \xef\xbf\xbd byte");
  const auto again = Write(snapshot);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->snapshot["has_diff"], false);  // compared as it was written
  EXPECT_NO_THROW(again->snapshot.dump());
}

TEST_F(StoreTest, LeftoversOfAKilledWriterDoNoHarm) {
  ASSERT_TRUE(Write(Snapshot(1)).ok());
  for (const char* kind : {"latest", "prev", "diff"}) std::ofstream(Path(kind) + ".new") << "half";
  ASSERT_TRUE(Write(Snapshot(2)).ok());
  EXPECT_THAT(Files(),
              ElementsAre("claude.diff.json", "claude.latest.json", "claude.lock", "claude.prev.json"));
}

// Ten writers in processes of their own for ten seconds, a reader that opens latest all the while.
TEST_F(StoreTest, ManyWritersAtOnce) {
  ASSERT_TRUE(Write(Snapshot(0)).ok());
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  std::vector<pid_t> writers;
  for (int writer = 1; writer <= 10; ++writer) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      Json snapshot = Snapshot(writer);
      snapshot["long"] = std::string(20000, static_cast<char>('a' + writer));
      const SnapshotStore store({.dir = dir(), .patience = std::chrono::minutes(5)});
      for (int i = 0; std::chrono::steady_clock::now() < until; ++i) {
        snapshot["round"] = i;
        if (!store.Write("claude", snapshot, DiffOptions()).ok()) ::_exit(1);
      }
      ::_exit(0);
    }
    writers.push_back(pid);
  }
  size_t reads = 0;
  for (bool running = true; running;) {
    siginfo_t info{};
    running = ::waitid(P_PID, static_cast<id_t>(writers.back()), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
              info.si_pid == 0;
    for (const char* kind : {"latest", "prev"}) {
      const base::Descriptor fd(::open(Path(kind).c_str(), O_RDONLY | O_CLOEXEC));
      if (!fd.ok() && std::string(kind) == "prev" && reads == 0) continue;  // the first roll is to come
      ASSERT_TRUE(fd.ok()) << kind << " is missing after " << reads << " reads: " << errno;
      const Json json = Json::parse(Contents("/proc/self/fd/" + std::to_string(fd.get())), nullptr, false);
      ASSERT_FALSE(json.is_discarded()) << kind;
      ASSERT_TRUE(json.contains("diff_fields")) << kind;
      if (std::string(kind) == "prev") ++reads;
    }
  }
  for (const pid_t pid : writers) {
    int status = -1;
    ::waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_GT(reads, 100u);
  EXPECT_THAT(Files(),
              ElementsAre("claude.diff.json", "claude.latest.json", "claude.lock", "claude.prev.json"));
}

TEST_F(StoreTest, WaitsForAnotherWriterWithPatience) {
  ASSERT_TRUE(Write(Snapshot(1)).ok());
  const base::Descriptor lock(::open((dir() + "/claude.lock").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::flock(lock.get(), LOCK_EX), 0);
  const SnapshotStore impatient({.dir = dir(), .patience = std::chrono::milliseconds(20)});
  const auto late = impatient.Write("claude", Snapshot(2), DiffOptions());
  EXPECT_TRUE(absl::IsDeadlineExceeded(late.status())) << late.status();
  EXPECT_THAT(std::string(late.status().message()), HasSubstr("claude.lock"));

  const base::Descriptor cancel(::eventfd(1, EFD_CLOEXEC));
  const SnapshotStore ending({.dir = dir(), .patience = std::chrono::hours(1), .cancel_fd = cancel.get()});
  EXPECT_TRUE(absl::IsCancelled(ending.Write("claude", Snapshot(2), DiffOptions()).status()));
  EXPECT_EQ(Read("latest")["value"], 1);
}

TEST_F(StoreTest, ReadOnlyDirectoryLeavesTheFilesAsTheyWere) {
  ASSERT_TRUE(Write(Snapshot(1)).ok());
  ASSERT_TRUE(Write(Snapshot(2)).ok());
  std::filesystem::permissions(tree_.root(), std::filesystem::perms::all);
  std::filesystem::permissions(tree_.root() + "/a", std::filesystem::perms::all);
  std::filesystem::permissions(dir(), std::filesystem::perms(0555));
  std::filesystem::permissions(dir() + "/claude.lock", std::filesystem::perms(0666));
  const std::string before = Contents(Path("latest")), prev = Contents(Path("prev"));
  const auto write = [&] {
    const auto stored = Write(Snapshot(3));
    return absl::IsPermissionDenied(stored.status()) ? 0 : 1;
  };
  EXPECT_EQ(::geteuid() == 0 ? kernel::RunAs(65534, write) : write(), 0);
  EXPECT_EQ(Contents(Path("latest")), before);
  EXPECT_EQ(Contents(Path("prev")), prev);
  std::filesystem::permissions(dir(), std::filesystem::perms::owner_all);  // for the end of this test
}

TEST_F(StoreTest, FullDiskLeavesTheFilesAsTheyWere) {
  std::filesystem::create_directories(dir());
  if (::mount("tmpfs", dir().c_str(), "tmpfs", 0, "size=64k") != 0) {
    GTEST_SKIP() << "needs the right to mount a small tmpfs: " << errno;
  }
  const Unmount unmount{dir()};
  ASSERT_TRUE(Write(Snapshot(1)).ok());
  ASSERT_TRUE(Write(Snapshot(2)).ok());
  const std::string before = Contents(Path("latest")), prev = Contents(Path("prev")),
                    diff = Contents(Path("diff"));
  std::ofstream(dir() + "/ballast") << std::string(1 << 20, 'x');
  const auto full = Write(Snapshot(3));
  EXPECT_TRUE(absl::IsResourceExhausted(full.status())) << full.status();
  EXPECT_EQ(Contents(Path("latest")), before);
  EXPECT_EQ(Contents(Path("prev")), prev);
  EXPECT_EQ(Contents(Path("diff")), diff);
  EXPECT_EQ(Files().size(), 5u);  // nothing half is left
  std::filesystem::remove(dir() + "/ballast");
  EXPECT_TRUE(Write(Snapshot(3)).ok());
  EXPECT_EQ(Read("latest")["diff_fields"], Json::array({"value"}));
}

TEST_F(StoreTest, ReadLatest) {
  const SnapshotStore store({.dir = dir()});
  EXPECT_TRUE(absl::IsNotFound(store.ReadLatest("claude").status()));
  ASSERT_TRUE(Write(Snapshot(1)).ok());
  EXPECT_EQ(store.ReadLatest("claude").value_or(""), Contents(Path("latest")));
  EXPECT_TRUE(absl::IsNotFound(store.ReadLatest("../claude").status()));
}

TEST_F(StoreTest, DirectoryThatIsAFileIsToldByName) {
  std::ofstream(tree_.root() + "/a") << "x";
  const auto stored = Write(Snapshot(1));
  EXPECT_FALSE(stored.ok());
  EXPECT_THAT(std::string(stored.status().message()), HasSubstr(tree_.root() + "/a"));
}

TEST_F(StoreTest, RootsSnapshotInAUsersDirectoryIsThatUsers) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to write into another user's directory";
  std::filesystem::create_directories(dir());
  ASSERT_EQ(::chown(dir().c_str(), 65534, 65534), 0);
  std::filesystem::permissions(tree_.root(), std::filesystem::perms::all);
  ASSERT_TRUE(Write(Snapshot(1)).ok());
  EXPECT_EQ(kernel::RunAs(65534, [&] { return Write(Snapshot(2)).ok() ? 0 : 1; }), 0);
  EXPECT_EQ(Read("latest")["diff_fields"], Json::array({"value"}));
}

TEST(SafeFileNameTest, KeepsPlainNamesAndEscapesTheRest) {
  EXPECT_EQ(SafeFileName("claude-2_b.c"), "claude-2_b.c");
  EXPECT_EQ(SafeFileName("../etc/passwd"), "%2E.%2Fetc%2Fpasswd");
  EXPECT_EQ(SafeFileName(".hidden"), "%2Ehidden");
  EXPECT_EQ(SafeFileName("a b%"), "a%20b%25");
  EXPECT_EQ(SafeFileName("\xc3\xbc\n"), "%C3%BC%0A");
  EXPECT_EQ(SafeFileName(""), "%");
}

TEST(SafeFileNameTest, LongNamesStayApart) {
  const std::string a = SafeFileName(std::string(300, 'x') + "a"),
                    b = SafeFileName(std::string(300, 'x') + "b");
  EXPECT_NE(a, b);
  EXPECT_LT(a.size(), 220u);
}

}  // namespace
}  // namespace agent_exporter::snapshot
