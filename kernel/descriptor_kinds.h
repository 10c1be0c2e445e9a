// What a process' descriptors are: pipes, sockets, files, … Told from the links in /proc/<pid>/fd (proc(5)).
//
// Thread safety: pure functions and values; KindOf asks the kernel about one link and keeps nothing.

#ifndef AGENT_EXPORTER_KERNEL_DESCRIPTOR_KINDS_H_
#define AGENT_EXPORTER_KERNEL_DESCRIPTOR_KINDS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agent_exporter::kernel {

enum class DescriptorKind {
  kFile,  // deleted ones too
  kDirectory,
  kPipe,  // FIFOs too
  kSocketTcp,
  kSocketUdp,
  kSocketUnix,
  kSocketOther,  // netlink, raw, packet, …
  kEventfd,
  kEpoll,
  kInotify,
  kTimerfd,
  kPidfd,
  kIoUring,
  kMemfd,
  kTerminal,
  kDevice,
  kOther,  // signalfd, fanotify, BPF, namespaces, and files whose type the kernel does not tell
};
inline constexpr size_t kDescriptorKinds = 17;

const char* Name(DescriptorKind kind);     // as a label: "socket_tcp"
const char* InWords(DescriptorKind kind);  // in a sentence, of several: "TCP sockets"

// The kind of what `link`, the path of a link in /proc/<pid>/fd, leads to; it reads `target`. A file system
// that does not answer can keep it waiting.
DescriptorKind KindOf(const std::string& link, std::string_view target);

struct OpenDescriptor {
  int fd = -1;
  DescriptorKind kind = DescriptorKind::kOther;
  std::string target;  // raw bytes: "/tmp/a (deleted)", "pipe:[123]"
};

struct OpenDescriptors {
  std::vector<OpenDescriptor> list;  // the lowest first
  bool whole = true;                 // false: there are more above the last, which were not asked for
};

// How many of each kind one process holds.
struct DescriptorKinds {
  std::array<uint32_t, kDescriptorKinds> counts{};
  bool whole = true;  // false: only the lowest descriptors were looked at

  DescriptorKinds() = default;
  explicit DescriptorKinds(const OpenDescriptors& open) { Add(open); }
  // Counts those that follow the ones counted so far.
  void Add(const OpenDescriptors& open);
  uint32_t of(DescriptorKind kind) const { return counts[static_cast<size_t>(kind)]; }
  // The most frequent; empty if there are none, or if not all were looked at and it is not most of those.
  std::optional<DescriptorKind> main() const;
  // Those that there are.
  std::map<std::string, uint32_t> ByName() const;
};

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_DESCRIPTOR_KINDS_H_
