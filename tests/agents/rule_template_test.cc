#include "agents/rule_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/agents/fake_facts.h"

namespace agent_exporter::agents {
namespace {

using testing::HasSubstr;

std::string Expand(const std::string& text, FakeFacts facts, const re2::RE2* cmdline = nullptr) {
  const absl::StatusOr<RuleTemplate> parsed = RuleTemplate::Parse(text, cmdline);
  if (!parsed.ok()) return parsed.status().ToString();
  base::UserNames users;
  MatchContext context(facts, users);
  std::vector<std::string> captures;
  if (cmdline != nullptr) captures = Captures(*cmdline, context.Cmdline());
  return parsed->Expand(context, captures);
}

std::string ParseError(const std::string& text, const re2::RE2* cmdline = nullptr) {
  const absl::StatusOr<RuleTemplate> parsed = RuleTemplate::Parse(text, cmdline);
  EXPECT_TRUE(absl::IsInvalidArgument(parsed.status())) << text;
  return std::string(parsed.status().message());
}

TEST(RuleTemplateTest, FillsInEveryField) {
  FakeFacts facts = Process("node", {"node", "/usr/bin/gemini.js"}, "/usr/local/bin/node22");
  facts.cwd_value = "/home/u/project";
  facts.uid_value = 0;
  EXPECT_EQ(Expand("{comm}|{exe}|{script}|{user}|{pid}|{cwd}", facts),
            "node|node22|gemini.js|root|4711|project");
}

TEST(RuleTemplateTest, AMissingFieldIsEmptyAndTheRootFolderIsASlash) {
  FakeFacts facts = Process("x");
  EXPECT_EQ(Expand("[{exe}{script}{user}{cwd}]", facts), "[]");
  facts.cwd_value = "/";
  EXPECT_EQ(Expand("{cwd}", facts), "/");
}

TEST(RuleTemplateTest, CapturesByNumberAndByName) {
  const re2::RE2 cmdline("--slot (\\d+)(?: --session (?P<session>\\w+))?");
  EXPECT_EQ(Expand("{1}/{session}", Process("w", {"w", "--slot", "3", "--session", "abc"}), &cmdline),
            "3/abc");
  EXPECT_EQ(Expand("{1}/{2}", Process("w", {"w", "--slot", "3"}), &cmdline), "3/")
      << "a group that took no part";
}

TEST(RuleTemplateTest, BracesAreDoubled) {
  EXPECT_EQ(Expand("{{comm}} {comm} }x", Process("a")), "{comm} a }x");
}

TEST(RuleTemplateTest, ErrorsSayWhatToDo) {
  EXPECT_THAT(ParseError("{scrpt}"), HasSubstr("did you mean {script}?"));
  EXPECT_THAT(ParseError("{environment}"), HasSubstr("use {comm}"));
  EXPECT_THAT(ParseError("a{comm"), HasSubstr("without a }"));
  EXPECT_THAT(ParseError("{1}"), HasSubstr("cmdline is not set"));
  const re2::RE2 cmdline("(a)(?P<session>b)");
  EXPECT_THAT(ParseError("{3}", &cmdline), HasSubstr("has 2 capture groups"));
  EXPECT_THAT(ParseError("{sesion}", &cmdline), HasSubstr("did you mean {session}?"));
  EXPECT_THAT(ParseError("{0}", &cmdline), HasSubstr("unknown field"));
  const re2::RE2 shadowing("--user (?P<user>\\w+)");
  EXPECT_THAT(ParseError("{user}", &shadowing), HasSubstr("rename the capture"));
}

}  // namespace
}  // namespace agent_exporter::agents
