#include "http/basic_auth.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"

namespace agent_exporter::http {
namespace {

using Users = std::map<std::string, std::string>;
using Verdict = BasicAuth::Verdict;

// "secret" and "p:w", at the lowest cost there is.
constexpr char kSecret[] = "$2y$04$N9qo8uLOickgx2ZMRZoMye3eddwbvBZq9Vw2uHywyANtuDH4xsNoe";
constexpr char kColon[] = "$2y$04$N9qo8uLOickgx2ZMRZoMyeTiLqhyxy8n9ozToGiJMxXsWk5pEKCzG";

std::string Header(const std::string& user, const std::string& password) {
  return "Basic " + absl::Base64Escape(user + ":" + password);
}

TEST(IsBcryptHashTest, AcceptsOnlyWhatCryptUnderstands) {
  std::string hash = kSecret;
  for (const char kind : {'a', 'b', 'y'}) {
    hash[2] = kind;
    EXPECT_TRUE(IsBcryptHash(hash));
  }
  for (const char* wrong : {"", "secret", "$1$abc$def", "$2y$04$tooshort"}) EXPECT_FALSE(IsBcryptHash(wrong));
  for (const auto& [at, c] :
       {std::pair<size_t, char>{0, 'x'}, {2, 'z'}, {3, 'x'}, {4, '4'}, {5, '3'}, {6, 'x'}, {59, ':'}}) {
    hash = kSecret;
    hash[at] = c;
    EXPECT_FALSE(IsBcryptHash(hash)) << hash;
  }
  EXPECT_FALSE(IsBcryptHash(std::string(kSecret) + "x"));
}

TEST(BasicAuthTest, AcceptsOnlyTheRightPassword) {
  BasicAuth auth(Users{{"ann", kSecret}, {"bob", kColon}});
  EXPECT_TRUE(auth.enabled());
  EXPECT_EQ(auth.Check(Header("ann", "secret")), Verdict::kYes);
  EXPECT_EQ(auth.Check(Header("bob", "p:w")), Verdict::kYes);  // only the first colon separates
  EXPECT_EQ(auth.Check(Header("ann", "p:w")), Verdict::kNo);
  EXPECT_EQ(auth.Check(Header("ann", "")), Verdict::kNo);
  EXPECT_EQ(auth.Check(Header("", "secret")), Verdict::kNo);
  EXPECT_EQ(auth.Check(Header("eve", "secret")), Verdict::kNo);
}

TEST(BasicAuthTest, RefusesMalformedHeaders) {
  BasicAuth auth(Users{{"ann", kSecret}});
  EXPECT_EQ(auth.Check("basic " + absl::Base64Escape("ann:secret")), Verdict::kYes);
  for (const std::string& header :
       {std::string(), std::string("Basic"), std::string("Basic "), std::string("Basic %%%"),
        "Bearer " + absl::Base64Escape("ann:secret"), "Basic " + absl::Base64Escape("annsecret"),
        "Basic " + absl::Base64Escape(std::string("ann:secret\0x", 12)), std::string("ann:secret")}) {
    EXPECT_EQ(auth.Check(header), Verdict::kNo) << header;
  }
}

TEST(BasicAuthTest, HashesEveryHeaderOnce) {
  BasicAuth auth(Users{{"ann", kSecret}});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(auth.Check(Header("ann", "secret")), Verdict::kYes);
  EXPECT_EQ(auth.hashed(), 1u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(auth.Check(Header("ann", "wrong")), Verdict::kNo);
  EXPECT_EQ(auth.hashed(), 2u);
}

TEST(BasicAuthTest, WrongPasswordsDoNotEvictRightOnes) {
  BasicAuth auth(Users{{"ann", kSecret}});
  EXPECT_EQ(auth.Check(Header("ann", "secret")), Verdict::kYes);
  for (int i = 0; i < 300; ++i) EXPECT_EQ(auth.Check(Header("ann", std::to_string(i))), Verdict::kNo);
  EXPECT_EQ(auth.hashed(), 301u);
  EXPECT_EQ(auth.Check(Header("ann", "secret")), Verdict::kYes);
  EXPECT_EQ(auth.hashed(), 301u);
}

// Otherwise response times would reveal which users exist.
TEST(BasicAuthTest, UnknownUsersCostAHashToo) {
  BasicAuth auth(Users{{"ann", kSecret}});
  EXPECT_EQ(auth.Check(Header("eve", "x")), Verdict::kNo);
  EXPECT_EQ(auth.hashed(), 1u);
}

TEST(BasicAuthTest, NewUsersApplyAtOnce) {
  BasicAuth auth(Users{{"ann", kSecret}});
  EXPECT_EQ(auth.Check(Header("ann", "secret")), Verdict::kYes);
  auth.SetUsers({{"ann", kColon}});
  EXPECT_EQ(auth.Check(Header("ann", "secret")), Verdict::kNo);
  EXPECT_EQ(auth.Check(Header("ann", "p:w")), Verdict::kYes);
  auth.SetUsers({});
  EXPECT_FALSE(auth.enabled());
}

TEST(BasicAuthTest, TooManyWaitingPasswordsAreBusy) {
  // At this cost one check takes long enough for the others to arrive.
  BasicAuth auth(Users{{"ann", "$2y$11$N9qo8uLOickgx2ZMRZoMye3eddwbvBZq9Vw2uHywyANtuDH4xsNoe"}});
  std::atomic<int> no{0}, busy{0};
  std::vector<std::thread> guessers;
  for (int i = 0; i < 40; ++i) {
    guessers.emplace_back([&, i] {
      const Verdict verdict = auth.Check(Header("ann", std::to_string(i)));
      if (verdict == Verdict::kNo) ++no;
      if (verdict == Verdict::kBusy) ++busy;
    });
  }
  for (std::thread& guesser : guessers) guesser.join();
  EXPECT_EQ(no + busy, 40);
  EXPECT_EQ(auth.hashed(), static_cast<uint64_t>(no));
  EXPECT_GE(no, 8);
  EXPECT_GT(busy, 0);
  EXPECT_EQ(auth.Check(Header("ann", "again")), Verdict::kNo);  // no longer busy
}

}  // namespace
}  // namespace agent_exporter::http
