#include "run/slot_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "run/slot_client.h"
#include "tests/base/refusing_system.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::run {
namespace {

using testing::HasSubstr;

class SlotServerTest : public testing::Test {
 protected:
  SlotServerTest() { StartServer(); }

  void StartServer(base::System& system = base::System::Real(), SlotServer::Times times = {}) {
    server_.reset();
    server_ = std::make_unique<SlotServer>(
        path_,
        SlotServer::Callbacks{
            .watch =
                [this](const SlotPeer& peer, const SlotRequest& request) {
                  peer_ = peer;
                  return request.name == "no" ? absl::PermissionDeniedError("not you") : absl::OkStatus();
                },
            .ended =
                [](const SlotRequest& request, const SlotEnd& end) {
                  return SlotReport{
                      {agents::OomVerdict::kConfirmed, request.name + std::to_string(end.status)}, {}};
                },
            .lost =
                [this](const SlotPeer&, const SlotRequest& request) {
                  const std::lock_guard lock(mutex_);
                  lost_ = request.name;
                  changed_.notify_all();
                },
            .log =
                [this](const std::string& line) {
                  const std::lock_guard lock(mutex_);
                  log_.push_back(line);
                }},
        system, times);
  }
  base::Descriptor Connect() const {
    base::Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    strcpy(address.sun_path, path_.c_str());
    EXPECT_EQ(connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return socket;
  }

  kernel::FakeTree tree_;
  const std::string path_ = tree_.root() + "/sub/run.sock";
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string lost_;
  std::vector<std::string> log_;
  SlotPeer peer_;
  std::unique_ptr<SlotServer> server_;
};

TEST_F(SlotServerTest, TakesASlotOverAndReportsItsEnd) {
  ASSERT_TRUE(server_->Start().ok());
  auto client = SlotClient::HandOver(path_, {{12, 1}, 0, "codex", "", "1"});
  ASSERT_TRUE(client.ok()) << client.status();
  const auto report = (*client)->End({9, false, 0});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->oom.evidence, "codex9");
  EXPECT_EQ(peer_.pid, getpid());
  EXPECT_EQ(peer_.uid, getuid());
}

TEST_F(SlotServerTest, ARefusalIsTheAnswer) {
  ASSERT_TRUE(server_->Start().ok());
  const auto client = SlotClient::HandOver(path_, {{12, 1}, 0, "no", "", ""});
  EXPECT_EQ(client.status().message(), "not you");
}

TEST_F(SlotServerTest, APeerThatVanishesIsLost) {
  ASSERT_TRUE(server_->Start().ok());
  ASSERT_TRUE(SlotClient::HandOver(path_, {{12, 1}, 0, "codex", "", ""}).ok());
  std::unique_lock lock(mutex_);
  EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(30), [this] { return lost_ == "codex"; }));
}

TEST_F(SlotServerTest, NonsenseIsAnsweredAndHungUpOn) {
  ASSERT_TRUE(server_->Start().ok());
  for (const std::string& nonsense : {std::string("GET / HTTP/1.1\r\n"), std::string(20'000, 'x')}) {
    const base::Descriptor socket = Connect();
    send(socket.get(), nonsense.data(), nonsense.size(), MSG_NOSIGNAL);
    char byte;
    while (recv(socket.get(), &byte, 1, 0) > 0) {
    }
  }
  EXPECT_TRUE(SlotClient::HandOver(path_, {{12, 1}, 0, "codex", "", ""}).ok());
}

TEST_F(SlotServerTest, AConnectionThatAsksForNothingIsClosedAndOneThatDidStays) {
  StartServer(base::System::Real(), {.request = std::chrono::milliseconds(50)});
  ASSERT_TRUE(server_->Start().ok());
  auto client = SlotClient::HandOver(path_, {{12, 1}, 0, "codex", "", "1"});
  ASSERT_TRUE(client.ok()) << client.status();
  const base::Descriptor silent = Connect(), half = Connect();
  send(half.get(), "{\"watch\": ", 10, MSG_NOSIGNAL);
  char byte;
  EXPECT_EQ(recv(silent.get(), &byte, 1, 0), 0);
  EXPECT_EQ(recv(half.get(), &byte, 1, 0), 0);
  EXPECT_TRUE((*client)->End({9, false, 0}).ok());
}

class NoDescriptors : public base::System {
 public:
  base::Descriptor Accept(int socket) override {
    ++asked;
    if (!refuse) return base::System::Accept(socket);
    errno = EMFILE;
    return {};
  }
  std::atomic<bool> refuse = true;
  std::atomic<int> asked = 0;
};

TEST_F(SlotServerTest, WithoutDescriptorsItAsksNowAndThenAndGoesOnOnceThereAreSome) {
  NoDescriptors system;
  StartServer(system, {.accept_pause = std::chrono::milliseconds(20)});
  ASSERT_TRUE(server_->Start().ok());
  std::thread client([&] { EXPECT_TRUE(SlotClient::HandOver(path_, {{12, 1}, 0, "codex", "", "1"}).ok()); });
  const auto began = std::chrono::steady_clock::now();
  while (system.asked < 3) std::this_thread::yield();
  // Three asks are two pauses at least: it does not spin.
  EXPECT_GE(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(30));
  system.refuse = false;
  client.join();
  server_->Stop();
  ASSERT_EQ(log_.size(), 2u);
  EXPECT_THAT(log_[0], HasSubstr("for now: Too many open files"));
  EXPECT_THAT(log_[1], HasSubstr("again"));
}

TEST_F(SlotServerTest, WithoutAThreadItSaysSoAndLeavesNoSocket) {
  base::RefusingSystem system;
  system.threads = 0;
  StartServer(system);
  EXPECT_THAT(std::string(server_->Start().message()), HasSubstr("no more threads"));
  EXPECT_TRUE(absl::IsNotFound(SlotClient::HandOver(path_, {{12, 1}, 0, "codex", "", ""}).status()));
  EXPECT_NE(access(path_.c_str(), F_OK), 0);
}

TEST_F(SlotServerTest, NobodyThereIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(SlotClient::HandOver(path_, {{12, 1}, 0, "codex", "", ""}).status()));
}

TEST_F(SlotServerTest, ASecondServerLeavesTheFirstAlone) {
  ASSERT_TRUE(server_->Start().ok());
  SlotServer second(path_, {}, base::System::Real());
  EXPECT_TRUE(absl::IsAlreadyExists(second.Start()));
  EXPECT_TRUE(SlotClient::HandOver(path_, {{12, 1}, 0, "codex", "", ""}).ok());
}

TEST_F(SlotServerTest, ASocketThatACrashLeftIsReplacedAndAFileIsNot) {
  {
    tree_.MakeDirectory("sub");
    const base::Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    strcpy(address.sun_path, path_.c_str());
    ASSERT_EQ(bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  ASSERT_TRUE(server_->Start().ok());
  EXPECT_TRUE(SlotClient::HandOver(path_, {{12, 1}, 0, "codex", "", ""}).ok());
  server_->Stop();
  struct stat info;
  EXPECT_NE(stat(path_.c_str(), &info), 0);

  tree_.Write("sub/run.sock", "mine");
  StartServer();
  EXPECT_THAT(std::string(server_->Start().message()), HasSubstr("no socket of ours"));
}

}  // namespace
}  // namespace agent_exporter::run
