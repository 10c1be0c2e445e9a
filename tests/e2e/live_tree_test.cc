// Every figure of spec.md V and of the tree below, against a live tree whose size is known: by /metrics and
// by `agent_exporter traits`. tests/e2e/tree_root.cc has the tree.

#include <gtest/gtest.h>
#include <time.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "tests/e2e/exporter_process.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::e2e {
namespace {

constexpr double kTick = 0.01;

std::string Program(const char* variable) {
  const char* path = std::getenv(variable);
  if (path == nullptr) {
    ADD_FAILURE() << variable << " must name the program; CTest does that";
    return "/nonexistent";
  }
  return path;
}

double BootSeconds() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// A figure in kB of /proc/<pid>/status, in bytes.
double StatusBytes(pid_t pid, const std::string& field) {
  const std::string status = ReadFile(absl::StrCat("/proc/", pid, "/status"));
  const size_t at = status.find("\n" + field + ":");
  EXPECT_NE(at, std::string::npos) << field;
  return std::strtod(status.c_str() + at + field.size() + 2, nullptr) * 1024;
}

class LiveTreeTest : public ::testing::Test {
 protected:
  // The exporter runs first: what a root used before it came is not counted.
  LiveTreeTest() {
    std::filesystem::create_symlink(tree_root_, Path(name_));
    std::filesystem::create_symlink(tree_root_, Path(other_));
    // Only scrapes look: no tick may see the tree half built.
    directory_.Write("agents.yaml", absl::Substitute("builtin_profiles: false\nsample_interval: 1h\nagents:\n"
                                                     "  - {name: $0, match: {comm: $0}}\n",
                                                     name_));
    exporter_ = std::make_unique<ExporterProcess>(agent_exporter_, Flags());
    before_ = exporter_->ScrapeAfresh();
    started_after_ = BootSeconds();
    root_ = std::make_unique<PipedProcess>(std::vector<std::string>{Path(name_), "tree", Path(other_)},
                                           STDOUT_FILENO);
    std::istringstream line(root_->ReadLine());
    started_before_ = BootSeconds();
    std::string word;
    line >> word;
    EXPECT_EQ(word, "ready");
    while (line >> word) {
      const size_t equals = word.find('=');
      pids_[word.substr(0, equals)] = std::atoi(word.c_str() + equals + 1);
    }
  }

  std::string Path(const std::string& file) const { return absl::StrCat(directory_.root(), "/", file); }
  std::vector<std::string> Flags() const { return {"--config.file=" + Path("agents.yaml")}; }

  // c ends, so o is an orphan, and b becomes another program.
  void Change() const {
    root_->WriteLine("change");
    root_->ReadLine();
    const std::string comm = absl::StrCat("/proc/", pids_.at("b"), "/comm");
    while (ReadFile(comm) != other_ + "\n") std::this_thread::yield();
    // Asleep again, so that its state is known.
    const std::string stat = absl::StrCat("/proc/", pids_.at("b"), "/stat");
    while (ReadFile(stat).find(") S ") == std::string::npos) std::this_thread::yield();
  }

  // The sample of `metric` for this tree's agent; fails the test when there is none.
  double Value(const ExporterProcess::Samples& samples, const std::string& metric,
               const std::string& more = "") const {
    const auto found = samples.find(absl::Substitute("$0{agent=\"$1\"$2}", metric, name_, more));
    if (found != samples.end()) return found->second;
    ADD_FAILURE() << metric << more << " is absent";
    return std::nan("");
  }

  // Ends of descendants, whatever the reason: without events it is not known.
  double Exited(const ExporterProcess::Samples& samples) const {
    double sum = 0;
    for (const char* reason : {"ok", "error", "signal", "oom", "unknown"}) {
      const auto found = samples.find(
          absl::Substitute("agent_descendants_exited_total{agent=\"$0\",reason=\"$1\"}", name_, reason));
      if (found != samples.end()) sum += found->second;
    }
    return sum;
  }

  double Rss(const std::string& pid) const { return StatusBytes(pids_.at(pid), "VmRSS"); }

  const std::string agent_exporter_ = Program("AGENT_EXPORTER");
  const std::string tree_root_ = Program("TREE_ROOT");
  // Unlike any other comm of this host; at most 15 bytes.
  const std::string name_ = absl::StrCat("aelive", getpid());
  const std::string other_ = absl::StrCat("aeother", getpid());
  kernel::FakeTree directory_;
  std::unique_ptr<ExporterProcess> exporter_;
  ExporterProcess::Samples before_;
  double started_after_ = 0, started_before_ = 0;  // CLOCK_BOOTTIME around the root's start
  std::unique_ptr<PipedProcess> root_;
  std::map<std::string, pid_t> pids_;
};

TEST_F(LiveTreeTest, RootIsExact) {
  EXPECT_EQ(Value(before_, "agent_up"), 0);
  EXPECT_EQ(Value(before_, "agent_configured"), 1);
  EXPECT_EQ(before_.count(absl::Substitute("agent_self_open_fds{agent=\"$0\"}", name_)), 0u);

  const double asked = BootSeconds();
  const auto samples = exporter_->ScrapeAfresh();
  const double answered = BootSeconds();
  EXPECT_EQ(Value(samples, "agent_up"), 1);
  EXPECT_EQ(Value(samples, "agent_instances"),
            1);  // those below match the rule as well until they change their name
  EXPECT_EQ(Value(samples, "agent_self_threads"), 4);
  EXPECT_EQ(Value(samples, "agent_self_open_fds"), 15);
  EXPECT_EQ(Value(samples, "agent_self_max_fds"), sysconf(_SC_OPEN_MAX));
  EXPECT_EQ(Value(samples, "agent_self_virtual_memory_bytes"), StatusBytes(root_->pid(), "VmSize"));
  const double rss = StatusBytes(root_->pid(), "VmRSS");
  EXPECT_GT(rss, 32 << 20);
  EXPECT_NEAR(Value(samples, "agent_self_resident_memory_bytes"), rss, 0.02 * rss);
  // The start is kept in whole ticks.
  EXPECT_GE(Value(samples, "agent_self_uptime_seconds"), asked - started_before_);
  EXPECT_LE(Value(samples, "agent_self_uptime_seconds"), answered - started_after_ + kTick);
  // The boot time is known to the second.
  const double now = static_cast<double>(time(nullptr));
  EXPECT_NEAR(Value(samples, "agent_self_start_time_seconds"), now - (answered - started_after_), 2.5);
}

TEST_F(LiveTreeTest, CpuOfTheRootIsWhatGetrusageSays) {
  exporter_->ScrapeAfresh();
  root_->WriteLine("burn");
  const std::string answer = root_->ReadLine();
  ASSERT_EQ(answer.rfind("done self_cpu=", 0), 0u) << answer;
  const double truth = std::strtod(answer.c_str() + std::string("done self_cpu=").size(), nullptr);
  ASSERT_GE(truth, 0.5);
  const auto samples = exporter_->ScrapeAfresh();
  const double counted = Value(samples, "agent_self_cpu_seconds_total", ",mode=\"user\"") +
                         Value(samples, "agent_self_cpu_seconds_total", ",mode=\"system\"");
  EXPECT_NEAR(counted, truth, 2 * kTick);  // user and system time, each cut to ticks
}

TEST_F(LiveTreeTest, TreeIsExact) {
  const auto samples = exporter_->ScrapeAfresh();
  EXPECT_EQ(Value(samples, "agent_children"), 3);               // a b c
  EXPECT_EQ(Value(samples, "agent_children_open_fds"), 17);     // 9 + 4 + 4
  EXPECT_EQ(Value(samples, "agent_descendants_open_fds"), 31);  // and a1 6, a2 4, o 4
  EXPECT_EQ(Value(samples, "agent_descendants_threads"), 7);
  EXPECT_EQ(Value(samples, "agent_descendants", ",state=\"sleeping\""), 5);  // a a1 b c o
  EXPECT_EQ(Value(samples, "agent_descendants", ",state=\"stopped\""), 1);   // a2
  EXPECT_EQ(Value(samples, "agent_descendants", ",state=\"zombie\""), 1);    // z
  EXPECT_EQ(Value(samples, "agent_descendants", ",state=\"running\""), 0);
  EXPECT_EQ(Value(samples, "agent_descendants", ",state=\"blocked\""), 0);
  EXPECT_EQ(Value(samples, "agent_descendants_started_total"), 7);
  EXPECT_EQ(Value(samples, "agent_orphans"), 0);
  EXPECT_EQ(Value(samples, "agent_orphans_resident_memory_bytes"), 0);
  const double rss = Rss("a") + Rss("a1") + Rss("a2") + Rss("b") + Rss("c") + Rss("o");
  EXPECT_NEAR(Value(samples, "agent_descendants_resident_memory_bytes"), rss, 0.02 * rss);
}

TEST_F(LiveTreeTest, OrphanStaysAndExecIsFollowed) {
  exporter_->ScrapeAfresh();
  Change();
  const auto samples = exporter_->ScrapeAfresh();
  EXPECT_EQ(Value(samples, "agent_instances"), 1);
  EXPECT_EQ(Value(samples, "agent_children"), 2);  // a b
  EXPECT_EQ(Value(samples, "agent_children_open_fds"), 13);
  EXPECT_EQ(Value(samples, "agent_orphans"), 1);  // o
  EXPECT_NEAR(Value(samples, "agent_orphans_resident_memory_bytes"), Rss("o"), 0.02 * Rss("o"));
  EXPECT_EQ(Value(samples, "agent_descendants", ",state=\"sleeping\""), 4);
  EXPECT_EQ(Value(samples, "agent_descendants_open_fds"), 27);
  EXPECT_EQ(Value(samples, "agent_descendants_threads"), 6);
  EXPECT_EQ(Value(samples, "agent_descendants_started_total"), 7);
  const bool events = samples.count("agent_exporter_process_events_info{events=\"bpf\"}") +
                          samples.count("agent_exporter_process_events_info{events=\"netlink\"}") >
                      0;
  EXPECT_EQ(Exited(samples), events ? 2 : 1);  // c; z ended before the first look, which only events tell
  EXPECT_EQ(Value(samples, "agent_restarts_total"), 0);
  const auto b = absl::Substitute(",pid=\"$0\",comm=\"$1\"", pids_.at("b"), other_);
  EXPECT_NEAR(Value(samples, "agent_process_resident_memory_bytes", b), Rss("b"), 0.02 * Rss("b"));
}

TEST_F(LiveTreeTest, TraitsSayTheSame) {
  Change();
  const double asked = BootSeconds();
  std::vector<std::string> command = {agent_exporter_, "traits", "--agent", name_};
  for (const std::string& flag : Flags()) command.push_back(flag);
  PipedProcess traits(command, STDOUT_FILENO);
  const auto json = nlohmann::json::parse(traits.ReadAll(), nullptr, false);
  const double answered = BootSeconds();
  ASSERT_EQ(traits.Wait(), 0);
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json["agent"], name_);
  const nlohmann::json& self = json["agent_self"];
  EXPECT_EQ(self.size(), 7u) << self;
  EXPECT_EQ(self["threads"], 4);
  EXPECT_EQ(self["open_fds"], 15);
  EXPECT_EQ(self["descendants"], 2);
  EXPECT_EQ(self["descendant_open_fds"], 13);
  EXPECT_EQ(self["vsz_bytes"].get<double>(), StatusBytes(root_->pid(), "VmSize"));
  const double rss = StatusBytes(root_->pid(), "VmRSS");
  EXPECT_NEAR(self["rss_bytes"].get<double>(), rss, 0.02 * rss);
  EXPECT_GE(self["uptime_secs"].get<double>(), std::floor(asked - started_before_));
  EXPECT_LE(self["uptime_secs"].get<double>(), answered - started_after_ + kTick);
}

TEST_F(LiveTreeTest, SeriesOfTheTreeGoWithIt) {
  exporter_->ScrapeAfresh();
  root_.reset();
  for (const auto& [name, pid] : pids_) {
    // The lifeline ends them; their bodies may stay as zombies of whoever adopted them.
    const std::string status = absl::StrCat("/proc/", pid, "/status");
    while (ReadFile(status).find("VmRSS") != std::string::npos) std::this_thread::yield();
  }
  const auto samples = exporter_->ScrapeAfresh();
  EXPECT_EQ(Value(samples, "agent_up"), 0);
  EXPECT_EQ(Value(samples, "agent_instances"), 0);
  EXPECT_EQ(samples.count(absl::Substitute("agent_self_open_fds{agent=\"$0\"}", name_)), 0u);
  EXPECT_EQ(samples.count(absl::Substitute("agent_self_resident_memory_bytes{agent=\"$0\"}", name_)), 0u);
  for (const auto& [sample, value] : samples) {
    EXPECT_EQ(sample.rfind(absl::Substitute("agent_process_open_fds{agent=\"$0\"", name_), 0),
              std::string::npos)
        << sample;
  }
}

}  // namespace
}  // namespace agent_exporter::e2e
