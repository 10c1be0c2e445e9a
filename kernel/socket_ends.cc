#include "kernel/socket_ends.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/descriptor.h"

namespace agent_exporter::kernel {
namespace {

constexpr uint8_t kListens = 10;  // TCP_LISTEN, include/net/tcp_states.h

struct Address {
  std::string text;
  bool any = false;  // 0.0.0.0:0, so there is none
};

// "0100007F:1F90": each group of 8 digits is a 32-bit word as the machine holds it (net/ipv4/tcp_ipv4.c,
// get_tcp4_sock).
std::optional<Address> ParseAddress(std::string_view hex) {
  const size_t colon = hex.find(':');
  if (colon != 8 && colon != 32) return std::nullopt;
  std::array<uint32_t, 4> words{};
  const auto number = [](std::string_view digits, auto* value) {
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, *value, 16);
    return error == std::errc() && stop == end;
  };
  for (size_t i = 0; i < colon / 8; ++i) {
    if (!number(hex.substr(i * 8, 8), &words[i])) return std::nullopt;
  }
  uint16_t port = 0;
  if (!number(hex.substr(colon + 1), &port)) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(colon == 8 ? AF_INET : AF_INET6, words.data(), text.data(), text.size());
  const bool any = port == 0 && words == std::array<uint32_t, 4>{};
  return Address{
      colon == 8 ? absl::StrCat(text.data(), ":", port) : absl::StrCat("[", text.data(), "]:", port), any};
}

// unix_diag(7) of this network namespace.
void AddUnixSockets(SocketEnds* ends) {
  const base::Descriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  struct {
    nlmsghdr header;
    unix_diag_req request;
  } ask{};
  ask.header = {.nlmsg_len = sizeof(ask),
                .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                .nlmsg_seq = 0,
                .nlmsg_pid = 0};
  ask.request.sdiag_family = AF_UNIX;
  ask.request.udiag_states = ~0u;
  ask.request.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER;
  if (!socket.ok() || ::send(socket.get(), &ask, sizeof(ask), 0) < 0) return;
  std::vector<char> buffer(64 << 10);
  while (true) {
    const ssize_t got = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (got <= 0) return;
    auto left = static_cast<unsigned>(got);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(message, left);
         message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR) return;
      if (message->nlmsg_len < NLMSG_LENGTH(sizeof(unix_diag_msg))) continue;
      auto* about = static_cast<unix_diag_msg*>(NLMSG_DATA(message));
      auto size = static_cast<unsigned>(message->nlmsg_len - NLMSG_LENGTH(sizeof(*about)));
      for (auto* attribute = reinterpret_cast<rtattr*>(about + 1); RTA_OK(attribute, size);
           attribute = RTA_NEXT(attribute, size)) {
        const std::string_view data(static_cast<const char*>(RTA_DATA(attribute)), RTA_PAYLOAD(attribute));
        if (attribute->rta_type == UNIX_DIAG_PEER && data.size() == sizeof(uint32_t)) {
          uint32_t peer = 0;
          std::memcpy(&peer, data.data(), sizeof(peer));
          if (peer != 0) ends->unix_peers[about->udiag_ino] = peer;
        } else if (attribute->rta_type == UNIX_DIAG_NAME && !data.empty()) {
          std::string name(data.substr(0, data.find('\0', 1)));
          if (name[0] == '\0') name[0] = '@';
          ends->unix_names[about->udiag_ino] = std::move(name);
        }
      }
    }
  }
}

}  // namespace

void AddInetSockets(std::string_view text, SocketEnds* ends) {
  for (const absl::string_view line : absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    // sl local_address rem_address st queues timer retransmits uid timeout inode
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (words.size() < 10) continue;
    const auto local = ParseAddress({words[1].data(), words[1].size()}),
               remote = ParseAddress({words[2].data(), words[2].size()});
    uint64_t inode = 0;
    uint8_t state = 0;
    std::from_chars(words[9].data(), words[9].data() + words[9].size(), inode);
    std::from_chars(words[3].data(), words[3].data() + words[3].size(), state, 16);
    if (!local || !remote || inode == 0) continue;
    ends->addresses[inode] = !remote->any        ? absl::StrCat("to ", remote->text)
                             : state == kListens ? absl::StrCat("listens on ", local->text)
                                                 : absl::StrCat("bound to ", local->text);
  }
}

SocketEnds ReadSocketEnds(const RootedReader& proc, pid_t pid) {
  SocketEnds ends;
  std::string buffer;
  for (const char* const file : {"tcp", "tcp6", "udp", "udp6"}) {
    const auto text = proc.Read(absl::StrCat(pid, "/net/", file), &buffer, 16 << 20);
    if (text.ok()) AddInetSockets(*text, &ends);
  }
  const auto ours = proc.ReadLink("self/ns/net"), theirs = proc.ReadLink(absl::StrCat(pid, "/ns/net"));
  if (ours.ok() && theirs.ok() && *ours == *theirs) AddUnixSockets(&ends);
  return ends;
}

}  // namespace agent_exporter::kernel
