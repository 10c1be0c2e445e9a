#include "base/systemd.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace agent_exporter::base {
namespace {

using ::testing::IsEmpty;
using ::testing::MatchesRegex;

// Where systemd would listen: an abstract socket.
class Manager {
 public:
  Manager() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    name_ = "@systemd_test." + std::to_string(getpid());
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, name_.data() + 1, name_.size() - 1);
    if (bind(socket_.get(), reinterpret_cast<sockaddr*>(&address),
             static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size())) != 0)
      abort();
    setenv("NOTIFY_SOCKET", name_.c_str(), 1);
  }
  ~Manager() { unsetenv("NOTIFY_SOCKET"); }

  std::string Received() const {
    char text[1000];
    const ssize_t size = recv(socket_.get(), text, sizeof text, MSG_DONTWAIT);
    return size < 0 ? "nothing" : std::string(text, static_cast<size_t>(size));
  }

 private:
  Descriptor socket_;
  std::string name_;
};

TEST(SystemdTest, TheManagerIsTold) {
  const Manager manager;
  const Systemd systemd;
  systemd.Ready("listening,\nREADY=0");
  EXPECT_EQ(manager.Received(), "READY=1\nSTATUS=listening, READY=0\n");
  systemd.Reloading();
  EXPECT_THAT(manager.Received(), MatchesRegex("RELOADING=1\nMONOTONIC_USEC=[0-9]+\n"));
  systemd.Stopping();
  EXPECT_EQ(manager.Received(), "STOPPING=1\n");
}

TEST(SystemdTest, WithoutAManagerNothingHappens) {
  unsetenv("NOTIFY_SOCKET");
  Systemd().Ready("listening");
  setenv("NOTIFY_SOCKET", "/nobody/listens/here", 1);
  Systemd().Ready("listening");
  setenv("NOTIFY_SOCKET", std::string(300, 'x').c_str(), 1);
  Systemd().Ready("listening");
  unsetenv("NOTIFY_SOCKET");
}

// In a child, since the sockets have fixed numbers.
TEST(SystemdTest, SocketsAreTakenOnce) {
  const pid_t child = fork();
  if (child == 0) {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    if (dup2(socket, 3) != 3 || dup2(socket, 4) != 4) _exit(1);
    setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
    setenv("LISTEN_FDS", "2", 1);
    const std::vector<Descriptor> sockets = TakeListenSockets();
    if (sockets.size() != 2 || sockets[0].get() != 3 || sockets[1].get() != 4) _exit(2);
    if (fcntl(3, F_GETFD) != FD_CLOEXEC) _exit(3);
    if (getenv("LISTEN_FDS") != nullptr || !TakeListenSockets().empty()) _exit(4);
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(SystemdTest, SocketsOfAnotherProcessAreNotOurs) {
  setenv("LISTEN_PID", "1", 1);
  setenv("LISTEN_FDS", "1", 1);
  EXPECT_THAT(TakeListenSockets(), IsEmpty());
  EXPECT_EQ(getenv("LISTEN_PID"), nullptr);
}

TEST(SystemdTest, TheJournalIsKnownByItsStream) {
  unsetenv("JOURNAL_STREAM");
  EXPECT_FALSE(LogsToJournal());
  struct stat stat = {};
  ASSERT_EQ(fstat(STDERR_FILENO, &stat), 0);
  setenv("JOURNAL_STREAM", (std::to_string(stat.st_dev) + ":" + std::to_string(stat.st_ino)).c_str(), 1);
  EXPECT_TRUE(LogsToJournal());
  setenv("JOURNAL_STREAM", "1:1", 1);
  EXPECT_FALSE(LogsToJournal());
  unsetenv("JOURNAL_STREAM");
}

}  // namespace
}  // namespace agent_exporter::base
