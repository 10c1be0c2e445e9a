// Tests the table of collectors: names, flags, and that every metric is valid.

#include "collectors/collector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>

#include "formats/formats.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"
#include "prometheus/text_serializer.h"
#include "tests/collectors/observation_builder.h"

namespace agent_exporter::collectors {
namespace {

// An observation that makes every family appear.
agents::Observation Everything() {
  agents::AgentSample agent =
      MakeAgent("codex", {MakeReadable(7, agents::Role::kRoot), MakeReadable(8, agents::Role::kDescendant)});
  agent.processes[1].orphan = true;
  agent.counters.descendants_exited = {{"ok", 1}};
  agent.resources = {{agents::ResourceUse::Scope::kTree, agents::ResourceUse::Resource::kFds,
                      agents::ResourceUse::Source::kHost, 2, 3, agent.processes[0].key}};
  agent.leaks = {{.seconds_to_limit = 60}};
  agent.cgroup_pids_headroom = 5;
  for (agents::ProcessSample& process : agent.processes) {
    process.descriptors =
        std::make_shared<const kernel::DescriptorKinds>(kernel::OpenDescriptors{.list = {{.fd = 0}}});
  }
  agents::AgentSample slot = MakeAgent("worker", {MakeReadable(10, agents::Role::kRoot)});
  slot.slot = "3";
  agents::Observation observation =
      MakeObservation({agent, slot, MakeAgent("agent_exporter", {MakeReadable(9, agents::Role::kRoot)})});
  observation.self_pid = 9;
  observation.unreadable = {{{"io", "permission"}, 1}};
  observation.host = {.memory = kernel::HostMemory{.total = 3, .available = 2, .used = 1},
                      .load = kernel::HostLoad{.average = {1, 2, 3}, .threads = 4},
                      .pressure = {{{"cpu", "some"}, 1.0}},
                      .processes = 3,
                      .named_processes = {{"claude", 3}},
                      .pid_max = 10,
                      .threads_max = 20,
                      .open_fds = 1,
                      .max_fds = 2,
                      .oom_kills = 0};
  return observation;
}

Families AllFamilies(const agents::Observation& observation) {
  Families all;
  for (const CollectorRow& row : CollectorTable()) {
    for (prometheus::MetricFamily& family : row.collect(observation)) all.push_back(std::move(family));
  }
  return all;
}

TEST(CollectorTable, NamesAreUniqueAndValidFlags) {
  std::set<std::string_view> names;
  for (const CollectorRow& row : CollectorTable()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_THAT(std::string(row.name), testing::MatchesRegex("[a-z][a-z0-9_]*"));
    EXPECT_NE(row.name, "disable-defaults") << "is a flag of its own";
    EXPECT_FALSE(row.help.empty()) << row.name;
  }
  EXPECT_GE(names.size(), 14u);
}

TEST(CollectorTable, EveryCollectorShowsSomething) {
  const agents::Observation observation = Everything();
  for (const CollectorRow& row : CollectorTable()) {
    EXPECT_THAT(row.collect(observation), testing::Not(testing::IsEmpty())) << row.name;
  }
}

TEST(CollectorTable, NoFamilyHasTwoOwnersAndAllHaveHelp) {
  std::set<std::string> names;
  for (const prometheus::MetricFamily& family : AllFamilies(Everything())) {
    EXPECT_TRUE(names.insert(family.name).second) << family.name;
    EXPECT_TRUE(family.help.size() > 1 && family.help.back() == '.') << family.name << ": " << family.help;
    EXPECT_EQ(family.name.ends_with("_total"), family.type == prometheus::MetricType::Counter) << family.name;
  }
}

TEST(CollectorTable, AcceptsAnEmptyObservation) {
  const Families families = AllFamilies(agents::Observation());
  std::string text;
  std::vector<std::string> dropped;
  formats::Serialize(formats::Format::kText, families, &text, &dropped);
  EXPECT_THAT(dropped, testing::IsEmpty());
}

TEST(CollectorTable, NothingIsDroppedInEitherFormat) {
  for (const formats::Format format : {formats::Format::kText, formats::Format::kOpenMetrics}) {
    std::string text;
    std::vector<std::string> dropped;
    formats::Serialize(format, AllFamilies(Everything()), &text, &dropped);
    EXPECT_THAT(dropped, testing::IsEmpty());
    EXPECT_THAT(text, testing::HasSubstr("agent_up{agent=\"codex\"} 1"));
  }
}

TEST(CollectorTable, PromtoolReportsNothing) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) GTEST_SKIP() << "promtool is not installed";
  std::string text;
  formats::Serialize(formats::Format::kText, AllFamilies(Everything()), &text);
  const std::string path = testing::TempDir() + "/agent_exporter_lint_" + std::to_string(::getpid());
  std::ofstream(path) << text;
  std::FILE* promtool = ::popen(("promtool check metrics <" + path + " 2>&1").c_str(), "r");
  ASSERT_NE(promtool, nullptr);
  std::string said;
  for (int c = std::fgetc(promtool); c != EOF; c = std::fgetc(promtool)) said += static_cast<char>(c);
  EXPECT_EQ(::pclose(promtool), 0);
  EXPECT_EQ(said, "");
  std::filesystem::remove(path);
}

TEST(ObservationCollectable, ShowsTheProvidersObservation) {
  std::shared_ptr<const agents::Observation> observation;
  const ObservationCollectable collectable(CollectorTable()[0], [&] { return observation; });
  EXPECT_THAT(collectable.Collect(), testing::IsEmpty());
  observation = std::make_shared<agents::Observation>(MakeObservation({MakeAgent("codex")}));
  EXPECT_THAT(SamplesOf(collectable.Collect()), testing::Contains(testing::Key("agent_up{agent=\"codex\"}")));
}

// As prometheus-cpp's Exposer does it: it keeps collectables, of which a prometheus::Registry is one, and
// prints what they all collect.
TEST(ObservationCollectable, WorksInAnotherProgramsRegistry) {
  const auto theirs = std::make_shared<prometheus::Registry>();
  prometheus::BuildGauge().Name("queue_length").Help("Tasks that wait.").Register(*theirs).Add({}).Set(7);
  const auto observation = std::make_shared<agents::Observation>(MakeObservation({MakeAgent("codex")}));
  std::vector<std::shared_ptr<prometheus::Collectable>> exposed = {theirs};
  for (const CollectorRow& row : CollectorTable()) {
    exposed.push_back(std::make_shared<ObservationCollectable>(row, [&] { return observation; }));
  }
  Families families;
  for (const auto& collectable : exposed) {
    for (prometheus::MetricFamily& family : collectable->Collect()) families.push_back(std::move(family));
  }
  const std::string text = prometheus::TextSerializer().Serialize(families);
  EXPECT_THAT(text, testing::HasSubstr("\nqueue_length 7\n"));
  EXPECT_THAT(text, testing::HasSubstr("\nagent_up{agent=\"codex\"} 0\n"));
}

}  // namespace
}  // namespace agent_exporter::collectors
