#include "http/bearer_token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace agent_exporter::http {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

class BearerTokenTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = testing::TempDir() + "token_XXXXXX";
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    directory_ = path;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string Write(const std::string& text) const {
    std::ofstream(directory_ + "/own") << text;
    return directory_ + "/own";
  }
  std::string directory_;
};

TEST_F(BearerTokenTest, CreatedOnceAndReadAgain) {
  const std::string path = directory_ + "/token";
  const auto made = BearerToken::LoadOrMake(path);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_THAT(made->text(), MatchesRegex("[0-9a-f]{64}"));
  struct stat about = {};
  ASSERT_EQ(stat(path.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600u);
  EXPECT_EQ(BearerToken::LoadOrMake(path)->text(), made->text());
  EXPECT_EQ(BearerToken::Load(path)->text(), made->text());
  EXPECT_NE(BearerToken::LoadOrMake(directory_ + "/other")->text(), made->text());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 2) << "nothing is left over";
}

TEST_F(BearerTokenTest, ConcurrentStartsGetTheSameToken) {
  std::mutex mutex;
  std::multiset<std::string> texts;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const auto token = BearerToken::LoadOrMake(directory_ + "/token");
      const std::lock_guard lock(mutex);
      texts.insert(token.ok() ? token->text() : token.status().ToString());
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_EQ(texts.size(), 8u);
  EXPECT_EQ(texts.count(*texts.begin()), 8u) << *texts.begin();
}

TEST_F(BearerTokenTest, AFileMayEndInALineBreak) {
  const auto token = BearerToken::Load(Write("abcdefghijklmnop\r\n"));
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(token->text(), "abcdefghijklmnop");
}

TEST_F(BearerTokenTest, AnInvalidTokenFileIsRefusedAndNamed) {
  for (const std::string& text :
       {std::string(), std::string("\n"), std::string("short"), std::string("two words of some length"),
        std::string("abcdefghijklmnop\nabcdefghijklmnop"), std::string("abcdefghijklmno\xc3\xa9"),
        std::string(5000, 'a')}) {
    const auto token = BearerToken::LoadOrMake(Write(text));
    EXPECT_EQ(token.status().code(), absl::StatusCode::kFailedPrecondition) << text;
    EXPECT_THAT(std::string(token.status().message()), HasSubstr(directory_ + "/own")) << text;
  }
  EXPECT_EQ(BearerToken::Load(directory_ + "/none").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(BearerToken::Load(directory_).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(BearerToken::LoadOrMake(directory_ + "/no/such/directory").ok());
}

TEST(BearerTokenMatchTest, ExactlyTheTokenMatches) {
  const BearerToken token("abcdefghijklmnop");
  EXPECT_TRUE(token.Matches("abcdefghijklmnop"));
  EXPECT_FALSE(token.Matches("abcdefghijklmnoq"));
  EXPECT_FALSE(token.Matches("bbcdefghijklmnop"));
  EXPECT_FALSE(token.Matches("abcdefghijklmno"));
  EXPECT_FALSE(token.Matches("abcdefghijklmnopq"));
  EXPECT_FALSE(token.Matches(""));
  EXPECT_FALSE(BearerToken().Matches("")) << "no token lets nobody in";
}

HttpResponse Ask(const HttpHandler& handler, const std::string& authorization) {
  HttpRequest request;
  request.header = [&](std::string_view name) { return name == "Authorization" ? authorization : ""; };
  return handler(request);
}

TEST(GuardedTest, NoTokenIs401AndAWrongOne403) {
  const BearerToken token("abcdefghijklmnop");
  int calls = 0;
  const HttpHandler handler = Guarded(token, [&](const HttpRequest&) {
    ++calls;
    return HttpResponse{.body = "secret"};
  });
  for (const char* none :
       {"", "Bearer", "Bearer ", "Bearer    ", "Basic abcdefghijklmnop", "abcdefghijklmnop"}) {
    const HttpResponse response = Ask(handler, none);
    EXPECT_EQ(response.status, 401) << none;
    EXPECT_THAT(response.headers.at("WWW-Authenticate"), HasSubstr("Bearer")) << none;
  }
  for (const char* wrong : {"Bearer abcdefghijklmnoq", "Bearer abcdefghijklmnop x", "Bearer x"}) {
    EXPECT_EQ(Ask(handler, wrong).status, 403) << wrong;
  }
  EXPECT_EQ(calls, 0);
  for (const char* right :
       {"Bearer abcdefghijklmnop", "bearer abcdefghijklmnop", "BEARER  abcdefghijklmnop "}) {
    EXPECT_EQ(Ask(handler, right).status, 200) << right;
  }
  EXPECT_EQ(calls, 3);
}

}  // namespace
}  // namespace agent_exporter::http
