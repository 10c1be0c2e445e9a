#include "agents/process_facts.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace agent_exporter::agents {
namespace {

// Cuts what stands before the next `separator` off the front of *text, and the separator with it; all of it
// where there is none.
std::string_view Cut(std::string_view* text, char separator) {
  const std::string_view head = text->substr(0, text->find(separator));
  text->remove_prefix(std::min(head.size() + 1, text->size()));
  return head;
}

// The innermost part of a cgroup path that is a service or a scope. Slices only group units.
std::string_view InnermostUnit(std::string_view path) {
  constexpr std::string_view kDeleted = " (deleted)";  // the kernel's mark of a removed group
  if (path.ends_with(kDeleted)) path.remove_suffix(kDeleted.size());
  std::string_view unit;
  while (!path.empty()) {
    const std::string_view part = Cut(&path, '/');
    if (part.ends_with(".service") || part.ends_with(".scope")) unit = part;
  }
  return unit;
}

}  // namespace

template <typename T>
T LazyProcessFacts::ValueOrCount(absl::StatusOr<T> read, std::string_view file) {
  if (read.ok()) return *std::move(read);
  if (!absl::IsNotFound(read.status())) unreadable_.Count(file, read.status());
  if (base::IsUnanswered(read.status())) complete_ = false;
  return T();
}

const std::vector<std::string>& LazyProcessFacts::argv() {
  if (!argv_.has_value()) argv_ = ValueOrCount(files_.Cmdline(key_), "cmdline");
  return *argv_;
}

const std::string& LazyProcessFacts::exe() {
  if (!exe_.has_value()) exe_ = ValueOrCount(files_.Exe(key_), "exe");
  return *exe_;
}

const std::string& LazyProcessFacts::cwd() {
  if (!cwd_.has_value()) cwd_ = ValueOrCount(files_.Cwd(key_.pid), "cwd");
  return *cwd_;
}

const std::string& LazyProcessFacts::cgroup() {
  if (!cgroup_.has_value()) cgroup_ = ValueOrCount(files_.Cgroup(key_.pid), "cgroup");
  return *cgroup_;
}

std::optional<uid_t> LazyProcessFacts::uid() {
  if (!uid_.has_value()) {
    const absl::StatusOr<uid_t> read = files_.Uid(key_.pid);
    if (!read.ok() && !absl::IsNotFound(read.status())) unreadable_.Count("status", read.status());
    uid_ = read.ok() ? std::optional<uid_t>(*read) : std::nullopt;
  }
  return *uid_;
}

std::vector<CgroupLine> CgroupLines(std::string_view text) {
  std::vector<CgroupLine> lines;
  while (!text.empty()) {
    std::string_view line = Cut(&text, '\n');
    if (std::count(line.begin(), line.end(), ':') < 2) continue;
    const std::string_view id = Cut(&line, ':');
    const std::string_view controllers = Cut(&line, ':');
    lines.push_back({.id = id, .controllers = controllers, .path = line});
  }
  return lines;
}

std::string SystemdUnit(std::string_view cgroup_text) {
  std::string_view v1_unit;
  for (const CgroupLine& line : CgroupLines(cgroup_text)) {
    if (line.id == "0" && line.controllers.empty()) {
      const std::string_view unit = InnermostUnit(line.path);
      if (!unit.empty()) return std::string(unit);
    } else if (line.controllers == "name=systemd") {
      v1_unit = InnermostUnit(line.path);
    }
  }
  return std::string(v1_unit);
}

}  // namespace agent_exporter::agents
