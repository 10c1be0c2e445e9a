#include "kernel/socket_ends.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "base/descriptor.h"

namespace agent_exporter::kernel {
namespace {

using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

uint64_t Inode(const base::Descriptor& socket) {
  struct stat about{};
  ::fstat(socket.get(), &about);
  return about.st_ino;
}

TEST(SocketEnds, AreThoseOfRealSockets) {
  const base::Descriptor server(::socket(AF_INET, SOCK_STREAM, 0)), client(::socket(AF_INET, SOCK_STREAM, 0)),
      server6(::socket(AF_INET6, SOCK_STREAM, 0)), datagrams(::socket(AF_INET, SOCK_DGRAM, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(at);
  ASSERT_EQ(::bind(server.get(), reinterpret_cast<sockaddr*>(&at), size), 0);
  ASSERT_EQ(::listen(server.get(), 1), 0);
  ASSERT_EQ(::getsockname(server.get(), reinterpret_cast<sockaddr*>(&at), &size), 0);
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&at), size), 0);
  const std::string address = "127.0.0.1:" + std::to_string(ntohs(at.sin_port));
  at.sin_port = 0;
  ASSERT_EQ(::bind(datagrams.get(), reinterpret_cast<sockaddr*>(&at), size), 0);
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  const base::Descriptor one(pair[0]), other(pair[1]), named(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const std::string path = "a_test_" + std::to_string(::getpid());
  std::memcpy(name.sun_path + 1, path.data(), path.size());  // abstract
  ASSERT_EQ(::bind(named.get(), reinterpret_cast<sockaddr*>(&name),
                   static_cast<socklen_t>(sizeof(sa_family_t) + 1 + path.size())),
            0);

  const RootedReader proc("/proc");
  const SocketEnds ends = ReadSocketEnds(proc, ::getpid());
  EXPECT_EQ(ends.addresses.at(Inode(server)), "listens on " + address);
  EXPECT_EQ(ends.addresses.at(Inode(client)), "to " + address);
  EXPECT_THAT(ends.addresses.at(Inode(datagrams)), testing::StartsWith("bound to 127.0.0.1:"));
  EXPECT_EQ(ends.unix_peers.at(Inode(one)), Inode(other));
  EXPECT_EQ(ends.unix_peers.at(Inode(other)), Inode(one));
  EXPECT_EQ(ends.unix_names.at(Inode(named)), "@" + path);
}

TEST(SocketEnds, TextOfAnotherFormIsLeftOut) {
  SocketEnds ends;
  AddInetSockets(
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
      "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 7 1 0\n"
      "   1: 0100007F:1F90 0200000A:01BB 01 00000000:00000000 00:00000000 00000000     0        0 8 1 0\n"
      "   2: 0100007F:1F90 0200000A:01BB 01 00000000:00000000 00:00000000 00000000     0        0 0 1 0\n"
      "   3: 01X0007F:1F90 0200000A:01BB 01 00000000:00000000 00:00000000 00000000     0        0 9 1 0\n"
      "   4: 0100007F 0200000A:01BB 01 0 0 0 0 0 9\n"
      "   5: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 0 0 0 0 0 10\n"
      "   6: 0100007F:1F90 02",
      &ends);
  if (htonl(1) != 1) {  // the files are in the machine's byte order
    EXPECT_THAT(ends.addresses,
                UnorderedElementsAre(Pair(7, "listens on 127.0.0.1:8080"), Pair(8, "to 10.0.0.2:443"),
                                     Pair(10, "listens on [::1]:8080")));
  }
  EXPECT_THAT(ends.unix_peers, IsEmpty());
}

}  // namespace
}  // namespace agent_exporter::kernel
