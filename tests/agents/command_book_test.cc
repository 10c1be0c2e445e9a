#include "agents/command_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <string>

namespace agent_exporter::agents {
namespace {

using testing::ElementsAre;
using testing::Pair;

constexpr int64_t kBookMs = 1'000'000;

std::map<std::string, int64_t> CpuOf(const CommandBook& book) {
  std::map<std::string, int64_t> cpu;
  for (const CommandUse& use : book.Uses()) cpu[use.command] = use.cpu_ns;
  return cpu;
}

int64_t Sum(const CommandBook& book) {
  const auto uses = book.Uses();
  return std::accumulate(uses.begin(), uses.end(), int64_t{0},
                         [](int64_t sum, const CommandUse& use) { return sum + use.cpu_ns; });
}

TEST(CommandBook, WhatCutimeBringsIsSplitAsTheEndsSay) {
  CommandBook book;
  book.AddCpu("cc1plus", 100 * kBookMs);
  book.Expect("git", 30 * kBookMs);
  book.Expect("rg", 10 * kBookMs);
  book.AddWaitedFor(44 * kBookMs);  // with their exit work, which is as much for a short life
  EXPECT_THAT(CpuOf(book), ElementsAre(Pair("cc1plus", 100 * kBookMs), Pair("git", 32 * kBookMs),
                                       Pair("rg", 12 * kBookMs)));
}

TEST(CommandBook, WhatIsExpectedMayComeInParts) {
  CommandBook book;
  book.Expect("git", 30 * kBookMs);
  book.AddWaitedFor(10 * kBookMs);
  book.EndLook();
  book.Expect("rg", 20 * kBookMs);
  book.AddWaitedFor(40 * kBookMs);
  EXPECT_THAT(CpuOf(book), ElementsAre(Pair("git", 30 * kBookMs), Pair("rg", 20 * kBookMs)));
}

TEST(CommandBook, WhatIsExpectedInVainIsForgotten) {
  CommandBook book;
  book.Expect("git", 30 * kBookMs);
  book.EndLook();
  book.EndLook();
  book.AddWaitedFor(10 * kBookMs);
  EXPECT_THAT(CpuOf(book), ElementsAre(Pair("git", 0), Pair("other", 10 * kBookMs)));
}

TEST(CommandBook, ALargerCommandTakesThePlaceOfASmallerOneAndNothingFalls) {
  CommandBook book;
  for (int i = 0; i < 15; ++i) {
    book.AddStart("c" + std::to_string(i));
    book.AddCpu("c" + std::to_string(i), (i + 1) * 10 * kBookMs);
  }
  book.AddStart("large");
  book.AddCpu("large", 5 * kBookMs);
  book.EndLook();
  EXPECT_EQ(CpuOf(book).count("large"), 0u);  // smaller than all that are listed
  EXPECT_EQ(CpuOf(book)["other"], 5 * kBookMs);
  book.AddCpu("large", 20 * kBookMs);
  const int64_t before = Sum(book);
  book.EndLook();
  EXPECT_EQ(Sum(book), before);
  EXPECT_EQ(CpuOf(book).count("c0"), 0u);
  EXPECT_EQ(CpuOf(book)["large"], 0);
  EXPECT_EQ(CpuOf(book)["other"], 35 * kBookMs);
  book.AddCpu("large", kBookMs);
  book.AddCpu("c0", kBookMs);  // now one of the others
  EXPECT_EQ(CpuOf(book)["large"], kBookMs);
  EXPECT_EQ(CpuOf(book)["other"], 36 * kBookMs);
  book.EndLook();
  EXPECT_EQ(CpuOf(book).count("large"), 1u);
}

TEST(CommandBook, CountsStartsFailuresAndPeaks) {
  CommandBook book;
  book.AddStart("git");
  book.AddStart("git");
  book.AddFailure("git");
  book.AddPeak("git", 5000);
  book.AddPeak("git", 3000);
  const auto uses = book.Uses();
  ASSERT_EQ(uses.size(), 1u);
  EXPECT_EQ(uses[0].started, 2u);
  EXPECT_EQ(uses[0].failed, 1u);
  EXPECT_EQ(uses[0].max_resident_bytes, 5000u);
}

TEST(CommandBook, AnyNumberOfNamesIsBounded) {
  CommandBook book;
  int64_t sum = 0;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 1000; ++i) {
      const std::string name = "r" + std::to_string(round) + "-" + std::to_string(i);
      book.AddStart(name);
      book.Expect(name, kBookMs);
    }
    book.AddWaitedFor(1000 * kBookMs);
    sum += 1000 * kBookMs;
    book.EndLook();
    EXPECT_EQ(Sum(book), sum);
    EXPECT_LE(book.Uses().size(), 16u);
  }
}

}  // namespace
}  // namespace agent_exporter::agents
