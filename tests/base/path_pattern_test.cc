#include "base/path_pattern.h"

#include <gtest/gtest.h>

#include <string>

namespace agent_exporter::base {
namespace {

bool Matches(const std::string& word, const std::string& path) { return PathPattern(word).Matches(path); }

TEST(PathPatternTest, IsTheLastPartsOrAllOfAPath) {
  EXPECT_TRUE(Matches("c", "/a/b/c"));
  EXPECT_TRUE(Matches("b/c", "/a/b/c"));
  EXPECT_TRUE(Matches("/a/b/c", "/a/b/c"));
  EXPECT_FALSE(Matches("/b/c", "/a/b/c"));
  EXPECT_FALSE(Matches("b/c", "/a/xb/c"));
}

TEST(PathPatternTest, AStarStaysWithinOnePart) {
  EXPECT_TRUE(Matches("claude/versions/*", "/h/claude/versions/2.1"));
  EXPECT_FALSE(Matches("claude/versions/*", "/h/claude/versions/2.1/helper"));
  EXPECT_TRUE(Matches("runner-*-linux-*", "/usr/bin/runner-1.0-linux-amd64"));
  EXPECT_FALSE(Matches("runner-*-linux-*", "/usr/bin/my-runner-1.0-linux-amd64"));
  EXPECT_TRUE(Matches("/h/*/x", "/h/a/x"));
  EXPECT_FALSE(Matches("/h/*/x", "/y/h/a/x"));
}

TEST(PathPatternTest, TwoStarsStandForAnything) {
  EXPECT_TRUE(Matches("@google/gemini-cli/**", "/l/node_modules/@google/gemini-cli/dist/index.js"));
  EXPECT_FALSE(Matches("@google/gemini-cli/**", "/l/@google/gemini-cli-core/index.js"));
  EXPECT_TRUE(PathPattern("rq:worker:**").MatchesAll("rq:worker:a: reads /tmp/x\nand more"));
  EXPECT_FALSE(PathPattern("rq:worker:**").MatchesAll("x/rq:worker:a"));
}

TEST(PathPatternTest, AllElseIsLiteralAndBytes) {
  EXPECT_TRUE(Matches("[a.b] (c+)*", "/x/[a.b] (c+)\xFF"));
  EXPECT_FALSE(Matches("[a.b]*", "/x/a"));
}

TEST(EndsWithPathTest, ComparesWholeParts) {
  EXPECT_TRUE(EndsWithPath("/a/b/c", "c"));
  EXPECT_TRUE(EndsWithPath("/a/b/c", "b/c"));
  EXPECT_TRUE(EndsWithPath("/a/b/c", "/a/b/c"));
  EXPECT_TRUE(EndsWithPath("c", "c"));
  EXPECT_FALSE(EndsWithPath("/a/xb/c", "b/c"));
  EXPECT_FALSE(EndsWithPath("/a/b/c", "/b/c"));
  EXPECT_FALSE(EndsWithPath("c", "b/c"));
}

TEST(WithoutNixWrappingTest, TakesTheNameOutOfItsWrapping) {
  EXPECT_EQ(WithoutNixWrapping("/nix/store/x/bin/.claude-wrapped"), "/nix/store/x/bin/claude");
  EXPECT_EQ(WithoutNixWrapping(".claude-wrapped__"), "claude");
  EXPECT_EQ(WithoutNixWrapping("/bin/claude-wrapped"), "");
  EXPECT_EQ(WithoutNixWrapping("/bin/.claude"), "");
  EXPECT_EQ(WithoutNixWrapping(".-wrapped"), "");
  EXPECT_EQ(WithoutNixWrapping("/x/.wrapped"), "");
}

}  // namespace
}  // namespace agent_exporter::base
