#include "run/diagnosis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <nlohmann/json.hpp>
#include <set>

namespace agent_exporter::run {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr uint64_t kMb = 1 << 20;

Diagnosis Of(int status) {
  Diagnosis diagnosis{.status = status, .agent = "codex", .pid = 12};
  diagnosis.external = {.resident_bytes = 815 * kMb, .cpu_ratio = 0.92, .age_seconds = 0.4};
  Complete(&diagnosis);
  return diagnosis;
}

TEST(OperatorText, CarriesTheLastExternalSample) {
  for (const int status : {SIGKILL, SIGABRT, SIGTERM, 1 << 8, 99 << 8, 0}) {
    EXPECT_THAT(OperatorText(Of(status)),
                AllOf(HasSubstr("Last seen RSS (external): 815.0MB."),
                      HasSubstr("CPU usage (external): 0.92 (1.0 = one full core)."),
                      HasSubstr("Sample age: 0.4 s.")));
  }
}

TEST(OperatorText, WithoutCpuThereIsNoCpuLine) {
  Diagnosis diagnosis = Of(SIGKILL);
  diagnosis.external.cpu_ratio.reset();
  EXPECT_THAT(OperatorText(diagnosis), AllOf(HasSubstr("815.0MB"), Not(HasSubstr("CPU"))));
}

TEST(BothTexts, SayThatThereIsNoSample) {
  Diagnosis diagnosis = Of(SIGKILL);
  diagnosis.external = {};
  EXPECT_THAT(OperatorText(diagnosis), HasSubstr("No external sample was taken."));
  EXPECT_THAT(EndUserText(diagnosis, Language::kEnglish), HasSubstr("No external sample was taken."));
  EXPECT_THAT(EndUserText(diagnosis, Language::kFrench), HasSubstr("Aucune mesure externe n'a été prise."));
}

TEST(OperatorText, OomHostHasTheExternalLinesFirstAndOomHeapTheHeapLine) {
  const auto order = [](Diagnosis diagnosis) {
    diagnosis.in_process = {
        .resident_bytes = 700 * kMb, .heap_used_bytes = 500 * kMb, .heap_limit_bytes = 512 * kMb};
    const std::string text = OperatorText(diagnosis);
    EXPECT_THAT(text, HasSubstr("Heap used (in-process): 500.0MB of 512.0MB."));
    return text.find("(in-process)") > text.find("(external)");
  };
  EXPECT_TRUE(order(Of(SIGKILL)));
  EXPECT_FALSE(order(Of(SIGABRT)));
}

TEST(OperatorText, OomHeapHasNodesOwnHeapLineFirst) {
  Diagnosis diagnosis = Of(SIGABRT);
  diagnosis.heap_line = "Mark-Compact 32.9 -> 32.1 MB";
  const std::string text = OperatorText(diagnosis);
  EXPECT_THAT(text, HasSubstr("Heap at its last collection: Mark-Compact 32.9 -> 32.1 MB."));
  EXPECT_LT(text.find("Mark-Compact"), text.find("(external)"));
  EXPECT_EQ(DiagnosisToJson(diagnosis)["in_process"]["heap_line"], diagnosis.heap_line);
}

TEST(OperatorText, SaysWhatTheKernelSaysOfAKill) {
  Diagnosis diagnosis = Of(SIGKILL);
  EXPECT_THAT(OperatorText(diagnosis), HasSubstr("not confirmed"));
  diagnosis.oom = {agents::OomVerdict::kConfirmed, "oom_kill rose"};
  EXPECT_THAT(OperatorText(diagnosis), HasSubstr("The kernel confirms an OOM kill: oom_kill rose."));
  diagnosis.oom = {agents::OomVerdict::kDenied, "none counted"};
  Complete(&diagnosis);
  EXPECT_EQ(diagnosis.category, agents::ExitCategory::kKilled);
  EXPECT_THAT(OperatorText(diagnosis), HasSubstr("It was no OOM kill: none counted; somebody sent SIGKILL."));
}

TEST(OperatorText, APluginErrorQuotesStderrOrSaysWhyNot) {
  Diagnosis diagnosis = Of(1 << 8);
  EXPECT_THAT(OperatorText(diagnosis), HasSubstr("not captured"));
  diagnosis.stderr_known = true;
  EXPECT_THAT(OperatorText(diagnosis), HasSubstr("nothing useful"));
  diagnosis.stderr_lines = {"TypeError: x", "at f"};
  EXPECT_THAT(OperatorText(diagnosis), HasSubstr("Last stderr: TypeError: x | at f"));
}

TEST(OperatorText, UnknownHoldsTheCodeAndTheLastWords) {
  Diagnosis diagnosis = Of(99 << 8);
  EXPECT_THAT(OperatorText(diagnosis), HasSubstr("exit code 99"));
  diagnosis.stderr_known = true;
  diagnosis.stderr_lines = {"panic: y"};
  EXPECT_THAT(OperatorText(diagnosis), HasSubstr("Last stderr: panic: y"));
}

TEST(HowItEnded, NamesSignalsAndWhatShellsPassOn) {
  EXPECT_EQ(HowItEnded(SIGKILL), "signal 9 (SIGKILL)");
  EXPECT_EQ(HowItEnded(137 << 8), "exit code 137, 128 + SIGKILL");
  EXPECT_EQ(HowItEnded(255 << 8), "exit code 255");
  EXPECT_EQ(HowItEnded(std::nullopt), "not observed");
}

TEST(EndUserText, ExistsInBothLanguagesForEveryCategory) {
  std::set<std::string> english, french;
  for (const int status : {SIGKILL, SIGABRT, SIGTERM, 1 << 8, 99 << 8, 0}) {
    english.insert(EndUserText(Of(status), Language::kEnglish));
    french.insert(EndUserText(Of(status), Language::kFrench));
  }
  EXPECT_EQ(english.size(), 6u);
  EXPECT_EQ(french.size(), 6u);
  for (const std::string& text : french) EXPECT_THAT(text, HasSubstr("La tâche"));
}

TEST(EndUserText, CarriesTheLastExternalSample) {
  for (const int status : {SIGKILL, SIGABRT, SIGTERM, 1 << 8, 99 << 8, 0}) {
    EXPECT_THAT(EndUserText(Of(status), Language::kEnglish),
                AllOf(HasSubstr("Last seen RSS (external): 815.0MB."),
                      HasSubstr("CPU usage (external): 0.92 (1.0 = one full core).")));
    EXPECT_THAT(EndUserText(Of(status), Language::kFrench),
                AllOf(HasSubstr("(RSS, externe) : 815.0MB."), HasSubstr("CPU (externe) : 0.92")));
  }
  Diagnosis diagnosis = Of(SIGKILL);
  diagnosis.external.cpu_ratio.reset();
  EXPECT_THAT(EndUserText(diagnosis, Language::kFrench), AllOf(HasSubstr("815.0MB"), Not(HasSubstr("CPU"))));
}

TEST(EndUserText, APluginErrorShowsTheProgramsOwnLastWords) {
  Diagnosis diagnosis = Of(1 << 8);
  EXPECT_THAT(EndUserText(diagnosis, Language::kEnglish), HasSubstr("in its log"));
  diagnosis.stderr_lines = {"TypeError: x", "at f"};
  EXPECT_THAT(EndUserText(diagnosis, Language::kEnglish), HasSubstr("It said: TypeError: x | at f"));
  EXPECT_THAT(EndUserText(diagnosis, Language::kFrench), HasSubstr("Son message : TypeError: x | at f"));
}

TEST(EndUserText, DoesNotBlameMemoryForAKillByHand) {
  Diagnosis diagnosis = Of(SIGKILL);
  EXPECT_THAT(EndUserText(diagnosis, Language::kEnglish), HasSubstr("probably because the machine ran out"));
  diagnosis.oom.verdict = agents::OomVerdict::kConfirmed;
  EXPECT_THAT(EndUserText(diagnosis, Language::kEnglish), HasSubstr("because the machine ran out of memory"));
  diagnosis.oom.verdict = agents::OomVerdict::kDenied;
  Complete(&diagnosis);
  EXPECT_THAT(EndUserText(diagnosis, Language::kEnglish), Not(HasSubstr("ran out of memory")));
  EXPECT_THAT(EndUserText(diagnosis, Language::kFrench), Not(HasSubstr("manquait de mémoire")));
}

FlightRecord Leak() {
  FlightRecord record;
  for (uint64_t i = 0; i <= 30; ++i) {
    record.points.push_back({.seconds = 60.2 - static_cast<double>(2 * i),
                             .resident_bytes = 50 * kMb,
                             .open_fds = 10 + i * 8,
                             .cpu_ratio = 0.25});
  }
  record.resources = {{agents::ResourceUse::Scope::kTree, agents::ResourceUse::Resource::kFds,
                       agents::ResourceUse::Source::kRlimit, 256, 256}};
  return record;
}

TEST(Report, NamesTheLimitTheGrowthAndTheTail) {
  Diagnosis diagnosis{.status = 1 << 8, .record = Leak(), .agent = "codex", .slot = "3", .pid = 12};
  Complete(&diagnosis);
  const std::string report = Report(diagnosis);
  EXPECT_THAT(report, HasSubstr("agent codex slot 3 (pid 12) ended, plugin-error"));
  EXPECT_THAT(report, HasSubstr("fds 256 of 256 (tree, rlimit)"));
  EXPECT_THAT(report, HasSubstr("growth: fds +240 a minute (over 60 s)"));
  EXPECT_THAT(report, HasSubstr("250"));
  EXPECT_EQ(diagnosis.external.resident_bytes, 50 * kMb);
  EXPECT_EQ(diagnosis.external.cpu_ratio, 0.25);
}

TEST(DiagnosisToJson, HoldsTheFactsAndLeavesOutWhatIsNotKnown) {
  Diagnosis diagnosis{.status = SIGKILL, .record = Leak(), .agent = "codex"};
  diagnosis.oom = {agents::OomVerdict::kConfirmed, "e"};
  Complete(&diagnosis);
  const nlohmann::json json = DiagnosisToJson(diagnosis);
  EXPECT_EQ(json["category"], "oom-host");
  EXPECT_EQ(json["signal"], 9);
  EXPECT_FALSE(json.contains("code"));
  EXPECT_FALSE(json.contains("stderr"));
  EXPECT_EQ(json["oom"]["verdict"], "confirmed");
  EXPECT_EQ(json["external"]["resident_bytes"], 50 * kMb);
  EXPECT_NEAR(json["growth"]["open_fds"]["per_minute"].get<double>(), 240, 0.01);
  EXPECT_EQ(json["flight"]["limits"][0]["limit"], 256);
  EXPECT_TRUE(json["texts"]["end_user"].contains("fr"));
}

}  // namespace
}  // namespace agent_exporter::run
