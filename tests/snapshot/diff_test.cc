#include "snapshot/diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace agent_exporter::snapshot {
namespace {

using Json = nlohmann::ordered_json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Diff(const char* before, const char* after, const DiffOptions& options = {}) {
  return DiffFields(Json::parse(before), Json::parse(after), options);
}

TEST(DiffTest, KeysAreDottedAndSorted) {
  EXPECT_THAT(Diff(R"({"z": 1, "pids": {"tmux": {"pane": 1, "server": 2}}, "a": 1})",
                   R"({"z": 2, "pids": {"tmux": {"pane": 3, "server": 2}}, "a": 2})"),
              ElementsAre("a", "pids.tmux.pane", "z"));
}

TEST(DiffTest, ListsCompareWhole) {
  EXPECT_THAT(Diff(R"({"names": ["a", "b"], "same": [1, {"x": 2}]})",
                   R"({"names": ["b", "a"], "same": [1, {"x": 2}]})"),
              ElementsAre("names"));
}

TEST(DiffTest, TimestampAndTheDiffItselfNeverCount) {
  EXPECT_THAT(Diff(R"({"timestamp": "a", "has_diff": true, "diff_fields": ["x"]})",
                   R"({"timestamp": "b", "has_diff": false, "diff_fields": []})"),
              IsEmpty());
  // Only at the top: an agent may tell a time stamp of its own.
  EXPECT_THAT(Diff(R"({"agent_meta": {"timestamp": 1}})", R"({"agent_meta": {"timestamp": 2}})"),
              ElementsAre("agent_meta.timestamp"));
}

TEST(DiffTest, AbsentEqualsNull) {
  EXPECT_THAT(Diff(R"({"a": null, "b": {"c": null}})", R"({"d": null, "e": {}})"), IsEmpty());
  EXPECT_THAT(Diff(R"({"a": null})", R"({"a": 1})"), ElementsAre("a"));
  EXPECT_THAT(Diff(R"({"a": 1})", R"({})"), ElementsAre("a"));
}

TEST(DiffTest, NumbersCompareByValueAndTypesCount) {
  EXPECT_THAT(Diff(R"({"a": 1, "b": 0})", R"({"a": 1.0, "b": false})"), ElementsAre("b"));
}

TEST(DiffTest, IgnoredFieldsWithAllBelow) {
  const DiffOptions options{.ignore = {"agent_meta", "load1", "pids.tmux"}};
  EXPECT_THAT(
      Diff(
          R"({"agent_meta": {"a": 1}, "agent_meta_2": 1, "load1": 1, "pids": {"tmux": {"pane": 1}, "x": 1}})",
          R"({"agent_meta": {"a": 2}, "agent_meta_2": 2, "load1": 2, "pids": {"tmux": {}, "x": 2}})",
          options),
      ElementsAre("agent_meta_2", "pids.x"));
}

TEST(DiffTest, SmallChangesDoNotCount) {
  const DiffOptions options{
      .minimum = {{"load1", {.amount = 0.5}}, {"mem", {.amount = 10, .percent = true}}}};
  EXPECT_THAT(Diff(R"({"load1": 1.0, "mem": 1000})", R"({"load1": 1.49, "mem": 1099})", options), IsEmpty());
  EXPECT_THAT(Diff(R"({"load1": 1.0, "mem": 1000})", R"({"load1": 0.5, "mem": 900})", options),
              ElementsAre("load1", "mem"));
  EXPECT_THAT(Diff(R"({"load1": 1.0, "mem": 1000})", R"({"load1": null, "mem": "1001"})", options),
              ElementsAre("load1", "mem"));
  EXPECT_THAT(Diff(R"({"mem": 0})", R"({"mem": 1})", options), ElementsAre("mem"));
}

TEST(DiffTest, WhatAlwaysMovesIsLeftOutByDefault) {
  EXPECT_THAT(Diff(R"({"load1": 0.2, "mem_used_bytes": 1000, "mem_free_bytes": 1000, "nproc_cur": 500,
                       "fork_pressure_pct": 1.5})",
                   R"({"load1": 0.9, "mem_used_bytes": 1050, "mem_free_bytes": 950, "nproc_cur": 510,
                       "fork_pressure_pct": 1.6})",
                   DefaultDiffOptions()),
              IsEmpty());
  EXPECT_THAT(Diff(R"({"load1": 0.2, "mem_used_bytes": 1000, "nproc_cur": 500})",
                   R"({"load1": 9.0, "mem_used_bytes": 2000, "nproc_cur": 900})", DefaultDiffOptions()),
              ElementsAre("load1", "mem_used_bytes", "nproc_cur"));
}

}  // namespace
}  // namespace agent_exporter::snapshot
