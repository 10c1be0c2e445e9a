#include "exporter/fd_groups.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"

namespace agent_exporter::exporter {
namespace {

using kernel::DescriptorKind;

constexpr char kItself[] = "to itself";
constexpr size_t kMostNames = 3;

// "socket:[123]" -> 123; 0 for another form.
uint64_t Inode(std::string_view link) {
  const size_t bracket = link.find('[');
  uint64_t inode = 0;
  if (bracket != std::string_view::npos) {
    std::from_chars(link.data() + bracket + 1, link.data() + link.size(), inode);
  }
  return inode;
}

// "to git (pid 7)"; "" if nobody but `pid` is seen to hold `link`.
std::string OtherHolders(const std::string& link, pid_t pid, const FdContext& context) {
  const auto found = context.holders.find(link);
  if (found == context.holders.end()) return "";
  std::string text;
  size_t others = 0;
  for (const pid_t holder : found->second) {
    if (holder == pid) continue;
    if (++others > kMostNames) continue;
    const auto name = context.names.find(holder);
    absl::StrAppend(&text, text.empty() ? "to " : ", ",
                    name == context.names.end() ? absl::StrCat("pid ", holder) : name->second);
  }
  if (others > kMostNames) absl::StrAppend(&text, " and ", others - kMostNames, " more");
  return text;
}

std::string PipeTarget(const std::string& link, pid_t pid, size_t ends_here, const FdContext& context) {
  if (link.starts_with('/')) return link;  // a FIFO
  std::string others = OtherHolders(link, pid, context);
  if (!others.empty()) return others;
  return ends_here > 1 ? kItself : "other end closed or not readable";
}

std::string UnixTarget(const std::string& link, pid_t pid, const FdContext& context) {
  const uint64_t inode = Inode(link);
  const auto peer = context.sockets.unix_peers.find(inode);
  if (peer != context.sockets.unix_peers.end()) {
    const std::string peer_link = absl::StrCat("socket:[", peer->second, "]");
    std::string others = OtherHolders(peer_link, pid, context);
    if (!others.empty()) return others;
    const auto own = context.holders.find(peer_link);
    if (own != context.holders.end()) return kItself;
    const auto name = context.sockets.unix_names.find(peer->second);
    if (name != context.sockets.unix_names.end()) return "to " + name->second;
  }
  const auto name = context.sockets.unix_names.find(inode);
  return name == context.sockets.unix_names.end() ? "" : "at " + name->second;
}

std::string InetTarget(const std::string& link, const FdContext& context) {
  const auto found = context.sockets.addresses.find(Inode(link));
  return found == context.sockets.addresses.end() ? "" : found->second;
}

}  // namespace

std::vector<FdGroup> GroupFds(pid_t pid, const kernel::OpenDescriptors& open, const FdContext& context) {
  absl::flat_hash_map<std::string_view, size_t> times;  // one link may be open many times
  for (const kernel::OpenDescriptor& one : open.list) ++times[one.target];
  std::map<std::pair<DescriptorKind, std::string>, size_t> counts;
  for (const kernel::OpenDescriptor& one : open.list) {
    std::string target;
    switch (one.kind) {
      case DescriptorKind::kPipe:
        target = PipeTarget(one.target, pid, times[one.target], context);
        break;
      case DescriptorKind::kSocketUnix:
        target = UnixTarget(one.target, pid, context);
        break;
      case DescriptorKind::kSocketTcp:
      case DescriptorKind::kSocketUdp:
        target = InetTarget(one.target, context);
        break;
      default:
        // An "anon_inode:[eventfd]" says no more than its kind.
        if (one.target.starts_with('/') || one.kind == DescriptorKind::kOther) target = one.target;
    }
    ++counts[{one.kind, std::move(target)}];
  }
  std::vector<FdGroup> groups;
  for (const auto& [what, count] : counts) groups.push_back({what.first, what.second, count});
  std::stable_sort(groups.begin(), groups.end(),
                   [](const FdGroup& a, const FdGroup& b) { return a.count > b.count; });
  return groups;
}

}  // namespace agent_exporter::exporter
