#include "kernel/cgroup.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "kernel/parse_host.h"
#include "kernel/parse_process.h"

namespace agent_exporter::kernel {
namespace {

// v1 shows "no limit" as the largest page counter, LONG_MAX rounded down to a page (mm/page_counter.c).
constexpr uint64_t kUnlimitedV1 = uint64_t{1} << 62;

struct MemoryFiles {
  std::string_view max, current, high, swap_max, swap_current;
  bool swap_has_memory;  // the swap files count memory plus swap
  std::string_view stat_prefix;
};
constexpr MemoryFiles kMemoryV2 = {
    "memory.max", "memory.current", "memory.high", "memory.swap.max", "memory.swap.current", false, ""};
// The limits of v1 count whole subtrees, as do the total_ figures of memory.stat.
constexpr MemoryFiles kMemoryV1 = {"memory.limit_in_bytes",
                                   "memory.usage_in_bytes",
                                   "",
                                   "memory.memsw.limit_in_bytes",
                                   "memory.memsw.usage_in_bytes",
                                   true,
                                   "total_"};

// One group of one hierarchy.
class Group {
 public:
  Group(const RootedReader& root, std::string path, std::string* buffer)
      : root_(root), path_(std::move(path)), buffer_(buffer) {}

  // Appends this group's limits. A file that cannot be read adds none.
  void Memory(const MemoryFiles& files, std::vector<CgroupLimit>* limits) {
    const std::optional<uint64_t> max = Limit(files.max), high = Limit(files.high);
    const std::optional<uint64_t> swap_max = Limit(files.swap_max);
    if (!max && !high && !(swap_max && files.swap_has_memory)) return;
    const std::optional<uint64_t> current = Number(files.current), droppable = Droppable(files.stat_prefix);
    if (!current || !droppable) return;
    // The two files are not read at the same instant, so the part can exceed the whole.
    const uint64_t used = *current - std::min(*current, *droppable);
    const auto add = [limits](CgroupLimit::Kind kind, uint64_t limit, uint64_t in_use) {
      limits->push_back({.kind = kind, .limit = limit, .used = in_use});
    };
    if (max) add(CgroupLimit::Kind::kMax, *max, used);
    if (high) add(CgroupLimit::Kind::kHigh, *high, used);
    if (!swap_max) return;
    const std::optional<uint64_t> swap = Number(files.swap_current);
    if (!swap) return;
    if (files.swap_has_memory) {
      add(CgroupLimit::Kind::kSwap, *swap_max, *swap - std::min(*swap, *droppable));
    } else if (max && *swap_max > 0) {
      add(CgroupLimit::Kind::kSwap, *max + *swap_max, used + *swap);
    }
  }

  void Pids(std::vector<CgroupLimit>* limits) {
    const std::optional<uint64_t> max = Limit("pids.max");
    const std::optional<uint64_t> current = max ? Number("pids.current") : std::nullopt;
    if (!current) return;
    limits->push_back({.resource = CgroupLimit::Resource::kPids, .limit = *max, .used = *current});
  }

 private:
  absl::StatusOr<std::string_view> Read(std::string_view file) {
    return root_.Read(path_ + "/" + std::string(file), buffer_);
  }
  std::optional<uint64_t> Number(std::string_view file) {
    const auto text = Read(file);
    const auto number = text.ok() ? ParseNumber(*text) : text.status();
    return number.ok() ? std::optional(*number) : std::nullopt;
  }
  // Empty: no limit, or unknown.
  std::optional<uint64_t> Limit(std::string_view file) {
    if (file.empty()) return std::nullopt;
    const auto text = Read(file);
    const absl::StatusOr<std::optional<uint64_t>> limit = text.ok() ? ParseNumberOrMax(*text) : text.status();
    return limit.ok() && limit->has_value() && **limit < kUnlimitedV1 ? *limit : std::nullopt;
  }
  // Page cache that the kernel can reclaim at once.
  std::optional<uint64_t> Droppable(std::string_view prefix) {
    const auto text = Read("memory.stat");
    if (!text.ok()) return std::nullopt;
    const auto figure = [&](const char* key) { return ParseKeyedNumber(*text, std::string(prefix) + key); };
    const auto inactive = figure("inactive_file"), active = figure("active_file");
    if (!inactive.ok() || !active.ok()) return std::nullopt;
    const auto dirty = figure(prefix.empty() ? "file_dirty" : "dirty");
    const auto writeback = figure(prefix.empty() ? "file_writeback" : "writeback");
    const uint64_t cache = *inactive + *active, busy = dirty.value_or(0) + writeback.value_or(0);
    return cache - std::min(cache, busy);
  }

  const RootedReader& root_;
  const std::string path_;
  std::string* const buffer_;
};

// Whether `path` leaves its hierarchy: the kernel shows "/../x" for a group outside the reader's cgroup
// namespace.
bool LeavesRoot(std::string_view path) {
  return path.find("/../") != std::string_view::npos ||
         (path.size() >= 3 && path.substr(path.size() - 3) == "/..");
}

bool Exists(const RootedReader& root, const std::string& path) {
  return ::faccessat(root.dir_fd(), path.c_str(), F_OK, 0) == 0;
}

// Where the hierarchy of `group` is mounted. v1 controllers that are mounted together may exist only under
// their joined name.
std::string MountOf(const RootedReader& root, const CgroupMembership& group, const std::string& controller) {
  if (group.v2) return Exists(root, "cgroup.controllers") ? "." : "unified";
  return Exists(root, controller) ? controller : std::string(group.controllers);
}

}  // namespace

std::vector<CgroupLimit> CgroupReader::Limits(std::string_view membership) {
  std::vector<CgroupLimit> limits;
  // Own group first, then up to the root.
  const auto walk = [&](const std::string& mount, std::string_view own, const auto& read) {
    if (LeavesRoot(own)) return;
    const std::string_view first = own == "/" ? "" : own;
    for (std::string_view path = first;; path.remove_suffix(path.size() - path.rfind('/'))) {
      const size_t known = limits.size();
      Group group(root_, mount + std::string(path), &buffer_);
      read(group);
      for (size_t i = known; i < limits.size(); ++i) {
        limits[i].ancestor = path.size() != first.size();
        limits[i].path = path.empty() ? "/" : std::string(path);
      }
      if (path.empty()) break;
    }
  };
  const auto memory_of = [&limits](const MemoryFiles& files) {
    return [&limits, &files](Group& group) { group.Memory(files, &limits); };
  };
  const auto pids = [&limits](Group& group) { group.Pids(&limits); };

  for (const CgroupMembership& group : ParseCgroup(membership)) {
    if (group.v2) {
      const std::string mount = MountOf(root_, group, "");
      walk(mount, group.path, memory_of(kMemoryV2));
      walk(mount, group.path, pids);
      continue;
    }
    const auto walk_v1 = [&](const std::string& controller, const auto& read) {
      if (group.HasController(controller)) walk(MountOf(root_, group, controller), group.path, read);
    };
    walk_v1("memory", memory_of(kMemoryV1));
    walk_v1("pids", pids);
  }
  return limits;
}

std::optional<CgroupOomKills> CgroupReader::OomKills(std::string_view membership) {
  const std::vector<CgroupMembership> groups = ParseCgroup(membership);
  const auto read = [&](const std::string& mount, std::string_view path,
                        std::string_view file) -> std::optional<CgroupOomKills> {
    if (LeavesRoot(path)) return std::nullopt;
    const std::string group = path == "/" ? "" : std::string(path);
    const auto text = root_.Read(mount + group + "/" + std::string(file), &buffer_);
    if (!text.ok()) return std::nullopt;
    const auto count = ParseKeyedNumber(*text, "oom_kill");
    if (!count.ok()) return std::nullopt;
    return CgroupOomKills{std::string(path), *count};
  };
  // On a host with both hierarchies, v1 has the memory controller if v1 lists it.
  for (const CgroupMembership& group : groups) {
    if (group.v2 || !group.HasController("memory")) continue;
    if (auto kills = read(MountOf(root_, group, "memory"), group.path, "memory.oom_control")) return kills;
  }
  for (const CgroupMembership& group : groups) {
    if (!group.v2) continue;
    const std::string mount = MountOf(root_, group, "");
    for (const char* file : {"memory.events.local", "memory.events"}) {
      if (auto kills = read(mount, group.path, file)) return kills;
    }
  }
  return std::nullopt;
}

}  // namespace agent_exporter::kernel
