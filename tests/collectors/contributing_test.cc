// CONTRIBUTING.md's collector: the text there is example_collector.cc to the byte, and that one works.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "collectors/collector.h"
#include "tests/collectors/observation_builder.h"

namespace agent_exporter::collectors {

// The row that the guide adds to collectors/table.h, taken up as collectors/collector.cc does.
#define EXAMPLE(ROW) ROW(largest_process, true, kNothing, "the largest process of each agent's tree")

#define DECLARE(name, enabled, needs, help) Families name(const agents::Observation& observation);
EXAMPLE(DECLARE)
#undef DECLARE

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

#define ROW(name, enabled, needs, help) {#name, enabled, Needs::needs, help, &collectors::name}
constexpr CollectorRow kRow = EXAMPLE(ROW);
#undef ROW
#define TEXT(name, enabled, needs, help) "ROW(" #name ", " #enabled ", " #needs ", " #help ")"
constexpr char kRowText[] = EXAMPLE(TEXT);
#undef TEXT

constexpr char kSample[] = "agent_largest_process_resident_memory_bytes{agent=\"codex\"}";

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string Guide() { return ReadFile(AGENT_EXPORTER_SOURCE_DIR "/CONTRIBUTING.md"); }

// What follows the first line ```cpp up to the line that ends it.
std::string FirstCppBlock(const std::string& text) {
  const std::string fence = "```cpp\n";
  const size_t start = text.find(fence);
  const size_t end = text.find("\n```\n", start);
  if (start == std::string::npos || end == std::string::npos) return "no ```cpp block";
  return text.substr(start + fence.size(), end + 1 - start - fence.size());
}

// As an exporter asks it, through prometheus-cpp's interface.
Samples Show(std::shared_ptr<const agents::Observation> observation) {
  const ObservationCollectable collectable(kRow, [&] { return observation; });
  return SamplesOf(static_cast<const prometheus::Collectable&>(collectable).Collect());
}

Samples Show(std::vector<agents::ProcessSample> processes) {
  return Show(std::make_shared<const agents::Observation>(
      MakeObservation({MakeAgent("codex", std::move(processes))})));
}

TEST(Contributing, TheCodeInTheGuideIsTheFileThatIsTestedHere) {
  EXPECT_EQ(FirstCppBlock(Guide()),
            ReadFile(AGENT_EXPORTER_SOURCE_DIR "/tests/collectors/example_collector.cc"));
}

TEST(Contributing, TheRowAndTheWordInTheGuideAreThose) {
  EXPECT_THAT(Guide(), HasSubstr(kRowText));
  EXPECT_THAT(Guide(), HasSubstr("\n    largest_process.cc\n"));
}

TEST(Contributing, TheExampleIsNoCollectorOfTheProgram) {
  for (const CollectorRow& row : CollectorTable())
    EXPECT_NE(row.name, kRow.name) << "the guide wants a new example";
}

TEST(Contributing, TheExampleShowsTheLargestProcess) {
  EXPECT_THAT(
      Show({MakeReadable(2, agents::Role::kRoot), MakeReadable(7, agents::Role::kDescendant),
            MakeReadable(3, agents::Role::kDescendant), MakeProcess(9, agents::Role::kDescendant, 'Z')}),
      ElementsAre(Pair(kSample, 7000)));
}

TEST(Contributing, TheExampleShowsNothingOfWhatItCannotKnow) {
  EXPECT_THAT(Show({MakeReadable(2, agents::Role::kRoot), MakeProcess(7, agents::Role::kDescendant),
                    MakeReadable(3, agents::Role::kRoot)}),
              IsEmpty());
  EXPECT_THAT(Show(std::vector<agents::ProcessSample>()), IsEmpty());
  EXPECT_THAT(Show(std::shared_ptr<const agents::Observation>()), IsEmpty());
}

}  // namespace
}  // namespace agent_exporter::collectors
