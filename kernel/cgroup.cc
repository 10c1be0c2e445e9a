#include "kernel/cgroup.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "kernel/parse_host.h"
#include "kernel/parse_process.h"

namespace agent_exporter::kernel {
namespace {

// v1 spells "no limit" as the largest page counter, LONG_MAX rounded down to a page (mm/page_counter.c).
constexpr uint64_t kUnlimitedV1 = uint64_t{1} << 62;

struct ResourceFiles {
  CgroupLimit::Resource resource;
  std::string_view controller;
  std::string_view limit;
  std::string_view used;
  std::string_view droppable_key;  // a line of memory.stat to take off `used`; none for tasks
};

constexpr ResourceFiles kV2[] = {
    {CgroupLimit::Resource::kMemory, "memory", "memory.max", "memory.current", "inactive_file"},
    {CgroupLimit::Resource::kPids, "pids", "pids.max", "pids.current", ""},
};
// The limits of v1 count whole subtrees, as do the total_ figures of memory.stat.
constexpr ResourceFiles kV1[] = {
    {CgroupLimit::Resource::kMemory, "memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
     "total_inactive_file"},
    {CgroupLimit::Resource::kPids, "pids", "pids.max", "pids.current", ""},
};

// Reads one group's limit and use. Empty if there is no limit or a file cannot be read.
std::optional<CgroupLimit> ReadGroup(const RootedReader& root, const std::string& group,
                                     const ResourceFiles& files, std::string* buffer) {
  const auto read = [&](std::string_view file, auto parse) {
    const absl::StatusOr<std::string_view> text = root.Read(group + "/" + std::string(file), buffer);
    return text.ok() ? parse(*text) : decltype(parse(*text))(text.status());
  };
  const absl::StatusOr<std::optional<uint64_t>> limit = read(files.limit, ParseNumberOrMax);
  if (!limit.ok() || !limit->has_value() || **limit >= kUnlimitedV1) return std::nullopt;
  absl::StatusOr<uint64_t> used = read(files.used, ParseNumber);
  if (!used.ok()) return std::nullopt;
  if (!files.droppable_key.empty()) {
    const absl::StatusOr<uint64_t> droppable = read(
        "memory.stat", [&](std::string_view text) { return ParseKeyedNumber(text, files.droppable_key); });
    if (!droppable.ok()) return std::nullopt;
    // The two files are read one after the other, so the part may exceed the whole.
    *used -= std::min(*used, *droppable);
  }
  return CgroupLimit{files.resource, false, "", **limit, *used};
}

// Whether `path` leaves its hierarchy: the kernel shows "/../x" for a group outside the reader's cgroup
// namespace.
bool LeavesRoot(std::string_view path) {
  return path.find("/../") != std::string_view::npos ||
         (path.size() >= 3 && path.substr(path.size() - 3) == "/..");
}

bool Exists(const RootedReader& root, const std::string& path) {
  return ::faccessat(root.dir_fd(), path.c_str(), F_OK, 0) == 0;
}

}  // namespace

std::vector<CgroupLimit> CgroupReader::Limits(std::string_view membership) {
  std::vector<CgroupLimit> limits;
  const auto walk = [&](const std::string& mount, std::string_view own, const ResourceFiles& files) {
    if (LeavesRoot(own)) return;
    const std::string_view first = own == "/" ? "" : own;
    for (std::string_view group = first;; group.remove_suffix(group.size() - group.rfind('/'))) {
      if (auto limit = ReadGroup(root_, mount + std::string(group), files, &buffer_)) {
        limit->ancestor = group.size() != first.size();
        limit->path = group.empty() ? "/" : std::string(group);
        limits.push_back(*std::move(limit));
      }
      if (group.empty()) break;
    }
  };

  for (const CgroupMembership& group : ParseCgroup(membership)) {
    if (group.v2) {
      const char* const mount = Exists(root_, "cgroup.controllers") ? "." : "unified";
      for (const ResourceFiles& files : kV2) walk(mount, group.path, files);
      continue;
    }
    for (const ResourceFiles& files : kV1) {
      if (!group.HasController(files.controller)) continue;
      // Controllers mounted together may be found under the joined name only.
      const std::string alone(files.controller);
      const std::string joined(group.controllers);
      const bool has_alone = Exists(root_, alone);
      walk(has_alone ? alone : joined, group.path, files);
    }
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
  // Where both hierarchies are mounted, v1 has the memory controller if it is listed there.
  for (const CgroupMembership& group : groups) {
    if (group.v2 || !group.HasController("memory")) continue;
    const std::string mount = Exists(root_, "memory") ? "memory" : std::string(group.controllers);
    if (auto kills = read(mount, group.path, "memory.oom_control")) return kills;
  }
  for (const CgroupMembership& group : groups) {
    if (!group.v2) continue;
    const char* const mount = Exists(root_, "cgroup.controllers") ? "." : "unified";
    for (const char* file : {"memory.events.local", "memory.events"}) {
      if (auto kills = read(mount, group.path, file)) return kills;
    }
  }
  return std::nullopt;
}

}  // namespace agent_exporter::kernel
