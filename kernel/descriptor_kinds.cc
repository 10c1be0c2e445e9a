#include "kernel/descriptor_kinds.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace agent_exporter::kernel {
namespace {

struct KindNames {
  const char* name;
  const char* words;
};
constexpr std::array<KindNames, kDescriptorKinds> kNames = {{{"file", "files"},
                                                             {"directory", "directories"},
                                                             {"pipe", "pipes"},
                                                             {"socket_tcp", "TCP sockets"},
                                                             {"socket_udp", "UDP sockets"},
                                                             {"socket_unix", "unix sockets"},
                                                             {"socket_other", "other sockets"},
                                                             {"eventfd", "eventfds"},
                                                             {"epoll", "epoll instances"},
                                                             {"inotify", "inotify instances"},
                                                             {"timerfd", "timerfds"},
                                                             {"pidfd", "pidfds"},
                                                             {"io_uring", "io_uring instances"},
                                                             {"memfd", "memfds"},
                                                             {"terminal", "terminals"},
                                                             {"device", "devices"},
                                                             {"other", "of other kinds"}}};

// Names that the kernel gives to files without a path, behind "anon_inode:".
constexpr std::pair<std::string_view, DescriptorKind> kAnonymous[] = {
    {"[eventfd]", DescriptorKind::kEventfd},  {"[eventpoll]", DescriptorKind::kEpoll},
    {"inotify", DescriptorKind::kInotify},    {"[timerfd]", DescriptorKind::kTimerfd},
    {"[pidfd]", DescriptorKind::kPidfd},  // before Linux 6.9
    {"[io_uring]", DescriptorKind::kIoUring},
};

// net/socket.c, sockfs_xattr_get: the name of the protocol, "TCP" or "UNIX-STREAM".
DescriptorKind SocketKind(const std::string& link) {
  char name[32];  // sizeof(proto::name), include/net/sock.h
  const ssize_t size = ::getxattr(link.c_str(), "system.sockprotoname", name, sizeof(name));
  const std::string_view protocol(name, size > 0 ? static_cast<size_t>(size) : 0);
  if (protocol.starts_with("TCP") || protocol.starts_with("MPTCP")) return DescriptorKind::kSocketTcp;
  if (protocol.starts_with("UDP")) return DescriptorKind::kSocketUdp;
  if (protocol.starts_with("UNIX")) return DescriptorKind::kSocketUnix;
  return DescriptorKind::kSocketOther;
}

bool IsTerminal(unsigned major_number) {
  // admin-guide/devices.txt: terminals, /dev/tty and consoles, pseudo-terminals. (5 has /dev/ptmx as well.)
  return major_number == 4 || major_number == 5 || (major_number >= 136 && major_number <= 143);
}

DescriptorKind KindOfPath(const std::string& link) {
  struct statx about{};
  // What is cached will do: a server that does not answer need not be asked.
  if (::statx(AT_FDCWD, link.c_str(), AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &about) != 0) {
    return DescriptorKind::kOther;
  }
  switch (about.stx_mode & S_IFMT) {
    case S_IFREG:
      return DescriptorKind::kFile;
    case S_IFDIR:
      return DescriptorKind::kDirectory;
    case S_IFIFO:
      return DescriptorKind::kPipe;
    case S_IFCHR:
      return IsTerminal(about.stx_rdev_major) ? DescriptorKind::kTerminal : DescriptorKind::kDevice;
    case S_IFBLK:
      return DescriptorKind::kDevice;
    default:
      return DescriptorKind::kOther;
  }
}

}  // namespace

const char* Name(DescriptorKind kind) { return kNames[static_cast<size_t>(kind)].name; }
const char* InWords(DescriptorKind kind) { return kNames[static_cast<size_t>(kind)].words; }

DescriptorKind KindOf(const std::string& link, std::string_view target) {
  if (target.starts_with("/memfd:")) return DescriptorKind::kMemfd;
  if (target.starts_with("/")) return KindOfPath(link);
  if (target.starts_with("pipe:")) return DescriptorKind::kPipe;
  if (target.starts_with("socket:")) return SocketKind(link);
  if (target.starts_with("pidfd:")) return DescriptorKind::kPidfd;
  constexpr std::string_view kPrefix = "anon_inode:";
  if (!target.starts_with(kPrefix)) return DescriptorKind::kOther;
  target.remove_prefix(kPrefix.size());
  for (const auto& [name, kind] : kAnonymous) {
    if (target == name) return kind;
  }
  return DescriptorKind::kOther;
}

void DescriptorKinds::Add(const OpenDescriptors& open) {
  whole = open.whole;
  for (const OpenDescriptor& one : open.list) ++counts[static_cast<size_t>(one.kind)];
}

std::optional<DescriptorKind> DescriptorKinds::main() const {
  const auto most = std::max_element(counts.begin(), counts.end());
  const uint32_t seen = std::accumulate(counts.begin(), counts.end(), 0u);
  if (*most == 0 || (!whole && *most * 2 <= seen)) return std::nullopt;
  return static_cast<DescriptorKind>(most - counts.begin());
}

std::map<std::string, uint32_t> DescriptorKinds::ByName() const {
  std::map<std::string, uint32_t> named;
  for (size_t kind = 0; kind < counts.size(); ++kind) {
    if (counts[kind] > 0) named[Name(static_cast<DescriptorKind>(kind))] = counts[kind];
  }
  return named;
}

}  // namespace agent_exporter::kernel
