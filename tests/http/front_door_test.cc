#include "http/front_door.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "http/listen_address.h"
#include "http/listening_socket.h"
#include "tests/http/http_server_fixture.h"

namespace agent_exporter::http {
namespace {

TEST(HeadHasArrivedTest, IsTrueOnceCivetwebCanAnswer) {
  for (const char* whole : {"GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\n\n", "\r\n\r\n", "GET\x01", "\x16\x03",
                            "GET / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc"})
    EXPECT_TRUE(HeadHasArrived(whole, false)) << whole;
  for (const char* part : {"", "G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nX: y\r\n\r", "\r\n", "\xff"})
    EXPECT_FALSE(HeadHasArrived(part, false)) << part;
}

TEST(HeadHasArrivedTest, WithTlsItIsTheFirstRecord) {
  const std::string record = std::string("\x16\x03\x01\x01\x02", 5) + std::string(0x102, 'x');
  EXPECT_TRUE(HeadHasArrived(record, true));
  EXPECT_FALSE(HeadHasArrived(std::string_view(record).substr(0, record.size() - 1), true));
  EXPECT_FALSE(HeadHasArrived("\x16\x03\x01", true));
  EXPECT_FALSE(HeadHasArrived("", true));
  EXPECT_TRUE(HeadHasArrived("GET", true)) << "civetweb refuses it";
}

class NoDescriptors : public base::System {
 public:
  base::Descriptor Accept(int socket) override {
    if (!none) return System::Accept(socket);
    ++refused;
    errno = EMFILE;
    return {};
  }
  std::atomic<bool> none = false;
  std::atomic<int> refused = 0;
};

// A front door, with the test in civetweb's place.
class FrontDoorTest : public testing::Test {
 protected:
  void Start(FrontDoorLimits limits) {
    auto listeners = ListenOn({ParseListenAddress("127.0.0.1:0", false).value()});
    ASSERT_TRUE(listeners.ok());
    port_ = LocalPort(listeners->at(0).get()).value();
    ASSERT_TRUE(door_->Start(*listeners, {civetweb_.get()}, limits).ok());
    EXPECT_EQ(Accept(), nullptr) << "the wake-up of civetweb's old wait";
  }

  // The next connection that the door gives; null if there is none.
  std::unique_ptr<base::Descriptor> Accept(int patience_ms = 0) {
    pollfd readable = {.fd = civetweb_.get(), .events = POLLIN, .revents = 0};
    poll(&readable, 1, patience_ms);
    socklen_t length = sizeof(name_);
    const int fd = accept(civetweb_.get(), reinterpret_cast<sockaddr*>(&name_), &length);
    return fd < 0 ? nullptr : std::make_unique<base::Descriptor>(fd);
  }

  static constexpr int kPatience = 60'000;
  NoDescriptors system_;
  base::Descriptor civetweb_{eventfd(0, EFD_CLOEXEC)};
  std::unique_ptr<FrontDoor> door_ = std::make_unique<FrontDoor>(system_);
  sockaddr_storage name_ = {};
  int port_ = 0;
};

TEST_F(FrontDoorTest, CivetwebGetsAConnectionOnceItsRequestIsThere) {
  Start({});
  const Client slow(port_), fast(port_);
  slow.Send("GET /slow HT");
  fast.Send("GET /fast HTTP/1.1\r\n\r\n");
  const auto first = Accept(kPatience);
  ASSERT_NE(first, nullptr);
  char text[100] = {};
  EXPECT_EQ(recv(first->get(), text, sizeof(text), 0), 22);
  EXPECT_STREQ(text, "GET /fast HTTP/1.1\r\n\r\n") << "nothing of it has been read";
  EXPECT_EQ(Accept(), nullptr);
  slow.Send("TP/1.1\r\n\r\n");
  EXPECT_NE(Accept(kPatience), nullptr);
}

TEST_F(FrontDoorTest, WhoSendsNoRequestInTimeIsCutOff) {
  Start({.whole_request = std::chrono::milliseconds(50)});
  const Client silent(port_), drips(port_);
  drips.Send("GET");
  EXPECT_EQ(silent.ReadAll(), "");
  EXPECT_EQ(drips.ReadAll(), "");
}

TEST_F(FrontDoorTest, TheOldestOfTooManyIsCutOff) {
  Start({.waiting = 3, .whole_request = std::chrono::hours(1)});
  std::vector<std::unique_ptr<Client>> drips;
  for (int i = 0; i < 5; ++i) {
    drips.push_back(std::make_unique<Client>(port_));
    drips.back()->Send("GET");
  }
  EXPECT_EQ(drips[0]->ReadAll(), "");
  EXPECT_EQ(drips[1]->ReadAll(), "");
  for (int i = 2; i < 5; ++i) {
    drips[static_cast<std::size_t>(i)]->Send(" / HTTP/1.1\r\n\r\n");
    EXPECT_NE(Accept(kPatience), nullptr);
  }
}

TEST_F(FrontDoorTest, WithoutDescriptorsItTriesAgainLater) {
  Start({});
  system_.none = true;
  const Client client(port_);
  client.Send("GET / HTTP/1.1\r\n\r\n");
  while (system_.refused < 3) std::this_thread::yield();
  system_.none = false;
  EXPECT_NE(Accept(kPatience), nullptr);
}

TEST_F(FrontDoorTest, WhileCivetwebIsBusyASlowHandshakeIsCutOff) {
  Start({.threads = 1, .tls = true, .whole_request = std::chrono::hours(1)});
  const Client slow(port_);
  slow.Send(std::string("\x16\x03\x01\x00\x01x", 6));
  const auto socket = Accept(kPatience);
  ASSERT_NE(socket, nullptr);
  char hello[6];
  ASSERT_EQ(recv(socket->get(), hello, sizeof(hello), 0), 6);
  EXPECT_EQ(slow.ReadAll(), "");
  door_->Close();
}

TEST_F(FrontDoorTest, ClosingEndsCivetwebsWaitsAndRefusesClients) {
  Start({});
  const Client waiting(port_);
  door_->Close();
  EXPECT_EQ(waiting.ReadAll(), "");
  EXPECT_FALSE(Client(port_).connected());
  EXPECT_EQ(Accept(kPatience), nullptr);
}

}  // namespace
}  // namespace agent_exporter::http
