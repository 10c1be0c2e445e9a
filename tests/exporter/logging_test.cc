#include "exporter/logging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

namespace agent_exporter::exporter {
namespace {

// The tests' own logger comes back however one ends.
class LoggingTest : public testing::Test {
 protected:
  ~LoggingTest() override { spdlog::set_default_logger(before_); }
  static std::string Log(const std::string& level, const std::string& format, const std::string& message) {
    testing::internal::CaptureStderr();
    SetUpLogging(level, format);
    spdlog::info("{}", message);
    spdlog::default_logger()->flush();
    return testing::internal::GetCapturedStderr();
  }
  std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
};

TEST(Quoted, EscapesWhatWouldEndTheLineOrTheQuotes) {
  EXPECT_EQ(JsonString("plain"), "\"plain\"");
  EXPECT_EQ(JsonString(""), "\"\"");
  EXPECT_EQ(JsonString("say \"hi\" \\ bye"), R"("say \"hi\" \\ bye")");
  EXPECT_EQ(JsonString("two\nlines\ttab"), R"("two\nlines\ttab")");
  EXPECT_EQ(JsonString(std::string_view("\x1b[31m\0", 6)), R"("\u001b[31m\u0000")");
}

TEST(Quoted, KeepsUtf8AndReplacesWhatIsNone) {
  EXPECT_EQ(JsonString("caf\xC3\xA9"), "\"caf\xC3\xA9\"");
  EXPECT_EQ(JsonString("a\xff"
                       "b"),
            "\"a\xEF\xBF\xBD"
            "b\"");
}

TEST_F(LoggingTest, LogfmtIsOneLine) {
  EXPECT_THAT(Log("info", "logfmt", "a \"b\"\nc"),
              testing::AllOf(testing::StartsWith("ts=2"), testing::EndsWith(R"(Z level=info msg="a \"b\"\nc")"
                                                                            "\n")));
}

TEST_F(LoggingTest, JsonIsJson) {
  const auto line = nlohmann::json::parse(Log("info", "json", "a \"b\"\nc"));
  EXPECT_EQ(line.at("level"), "info");
  EXPECT_EQ(line.at("msg"), "a \"b\"\nc");
  EXPECT_EQ(line.at("ts").get<std::string>().back(), 'Z');
}

TEST_F(LoggingTest, BelowTheLevelNothingIsWritten) {
  EXPECT_EQ(Log("warn", "logfmt", "quiet"), "");
  EXPECT_NE(Log("debug", "logfmt", "loud"), "");
}

}  // namespace
}  // namespace agent_exporter::exporter
