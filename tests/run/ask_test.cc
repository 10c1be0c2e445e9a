#include "run/ask.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <string>

#include "run/slot_server.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::run {
namespace {

using testing::HasSubstr;

class AskTest : public testing::Test {
 protected:
  AskTest() { EXPECT_TRUE(server_.Start().ok()); }

  kernel::FakeTree tree_;
  const std::string path_ = tree_.root() + "/run.sock";
  SlotServer server_{path_,
                     {.answer = [](const nlohmann::json& question) -> absl::StatusOr<std::string> {
                       if (question["ask"] == "long") return std::string(5 << 20, 'x');
                       if (question["ask"] == "echo") return question["text"].get<std::string>();
                       return absl::InvalidArgumentError("several agents run");
                     }},
                     base::System::Real()};
};

TEST_F(AskTest, GetsTheAnswer) {
  EXPECT_EQ(*AskServe(path_, {{"ask", "echo"}, {"text", "line\nline\n"}}), "line\nline\n");
  EXPECT_EQ(*AskServe(path_, {{"ask", "echo"}, {"text", ""}}), "");
}

TEST_F(AskTest, GetsAnAnswerThatNoSocketBufferHolds) {
  EXPECT_EQ(AskServe(path_, {{"ask", "long"}})->size(), 5 << 20);
}

TEST_F(AskTest, GetsTheErrorWithItsCode) {
  const absl::Status status = AskServe(path_, {{"ask", "other"}}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_EQ(status.message(), "several agents run");
}

TEST_F(AskTest, NotFoundWhereNobodyListens) {
  EXPECT_TRUE(absl::IsNotFound(AskServe(path_ + "x", {{"ask", "echo"}}).status()));
}

TEST_F(AskTest, AQuestionThatIsNoneGetsTheErrorOfARegistration) {
  const absl::Status status = AskServe(path_, {{"ask", 7}}).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("bad message"));
}

TEST(AnswerQuestion, RefusesAnotherUser) {
  int sockets[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
  bool called = false;
  const Answerer answerer = [&called](const nlohmann::json&) {
    called = true;
    return std::string("secret");
  };
  const auto reply_to = [&](uid_t uid) {
    AnswerQuestion(sockets[0], uid, {{"ask", "status"}}, answerer);
    char buffer[256] = {};
    return std::string(buffer, static_cast<size_t>(recv(sockets[1], buffer, sizeof(buffer), 0)));
  };
  EXPECT_THAT(reply_to(geteuid() + 1), HasSubstr("only its own user and root"));
  EXPECT_FALSE(called);
  EXPECT_EQ(reply_to(geteuid()), "{\"ok\":true}\n");
  EXPECT_EQ(reply_to(0), "{\"ok\":true}\n");
  close(sockets[0]);
  close(sockets[1]);
}

}  // namespace
}  // namespace agent_exporter::run
