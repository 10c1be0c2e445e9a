#include "run/slot_messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace agent_exporter::run {
namespace {

using testing::HasSubstr;

TEST(SlotMessages, ComeBackAsTheyWere) {
  const auto request = ParseSlotRequest(SlotRequestLine({{12, 345}, 13, "co dex", "k", "é"}));
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->key, (kernel::ProcessKey{12, 345}));
  EXPECT_EQ(request->helper, 13);
  EXPECT_EQ(request->name, "co dex");
  EXPECT_EQ(request->slot, "é");
  const auto end = ParseSlotEnd(SlotEndLine({9, true, 4096}));
  ASSERT_TRUE(end.ok());
  EXPECT_EQ(end->status, 9);
  EXPECT_TRUE(end->self_killed);
  EXPECT_EQ(end->max_resident_bytes, 4096u);
  EXPECT_TRUE(ParseSlotReply(SlotReplyLine(absl::OkStatus())).ok());
  EXPECT_EQ(ParseSlotReply(SlotReplyLine(absl::PermissionDeniedError("no"))).message(), "no");
}

TEST(SlotMessages, AReportSurvivesBytesThatAreNoUtf8) {
  SlotReport report{{agents::OomVerdict::kDenied, "none"},
                    FlightRecord{.points = {{.seconds = 1}}, .left_behind = {"\xff"}}};
  const auto back = ParseSlotReport(SlotReportLine(report));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->oom.verdict, agents::OomVerdict::kDenied);
  EXPECT_EQ(back->record->points.size(), 1u);
}

TEST(SlotMessages, NonsenseIsRefused) {
  for (const char* line : {"", "x", "{}", "[]", "{\"watch\":1}", "{\"watch\":{\"pid\":\"a\"}}",
                           "{\"watch\":{\"pid\":1,\"start_ticks\":1,\"name\":\"a\"}}",
                           "{\"watch\":{\"pid\":12,\"start_ticks\":1,\"name\":\"\"}}",
                           "{\"watch\":{\"pid\":12,\"start_ticks\":1,\"name\":\"a\\nb\"}}"}) {
    EXPECT_FALSE(ParseSlotRequest(line).ok()) << line;
    EXPECT_FALSE(ParseSlotEnd(line).ok()) << line;
    EXPECT_FALSE(ParseSlotReport(line).ok()) << line;
    EXPECT_FALSE(ParseSlotReply(line).ok()) << line;
  }
}

TEST(SlotMessages, NumbersOutOfRangeAreRefused) {
  for (const char* pid : {"1e308", "-1e308", "2.5", "4294967297", "18446744073709551616", "true", "\"7\""}) {
    EXPECT_FALSE(
        ParseSlotRequest(std::string(R"({"watch":{"start_ticks":1,"name":"x","pid":)") + pid + "}}").ok())
        << pid;
    EXPECT_FALSE(
        ParseSlotEnd(std::string(R"({"ended":{"self_killed":false,"max_resident_bytes":1,"status":)") + pid +
                     "}}")
            .ok())
        << pid;
  }
}

TEST(CheckSlotLabel, SaysWhatIsWrong) {
  EXPECT_TRUE(CheckSlotLabel("slot", "1", true).ok());
  EXPECT_TRUE(CheckSlotLabel("slot", "", true).ok());
  EXPECT_THAT(std::string(CheckSlotLabel("name", "", false).message()), HasSubstr("--name \"\" is empty"));
  EXPECT_THAT(std::string(CheckSlotLabel("slot", "a\nb", true).message()), HasSubstr("control character"));
  EXPECT_THAT(std::string(CheckSlotLabel("slot", "\xff", true).message()), HasSubstr("UTF-8"));
  EXPECT_THAT(std::string(CheckSlotLabel("slot", std::string(129, 'a'), true).message()),
              HasSubstr("longer than 128"));
}

TEST(SlotMessages, AnAddressTakesAPathThatFits) {
  const std::string longest(sizeof(sockaddr_un::sun_path) - 1, 'x');
  const auto address = SlotAddress(longest);
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_EQ(address->sun_path, longest);
  EXPECT_TRUE(absl::IsInvalidArgument(SlotAddress(longest + "x").status()));
}

}  // namespace
}  // namespace agent_exporter::run
