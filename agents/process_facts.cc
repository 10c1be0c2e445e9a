#include "agents/process_facts.h"

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernel/parse_process.h"

namespace agent_exporter::agents {
namespace {

// The value, or an empty one. A process that is gone is no failure; anything else is counted.
template <typename T>
T ValueOrCount(absl::StatusOr<T> read, std::string_view file, kernel::Unreadable& unreadable) {
  if (read.ok()) return *std::move(read);
  if (!absl::IsNotFound(read.status())) unreadable.Count(file, read.status());
  return T();
}

// The innermost part of a cgroup path that is a service or a scope. Slices only group units.
std::string_view InnermostUnit(std::string_view path) {
  constexpr std::string_view kDeleted = " (deleted)";  // the kernel's mark of a removed group
  if (path.ends_with(kDeleted)) path.remove_suffix(kDeleted.size());
  while (!path.empty()) {
    const size_t start = path.rfind('/') + 1;  // 0 if there is none
    const std::string_view part = path.substr(start);
    if (part.ends_with(".service") || part.ends_with(".scope")) return part;
    path = path.substr(0, start == 0 ? 0 : start - 1);
  }
  return {};
}

}  // namespace

const std::vector<std::string>& LazyProcessFacts::argv() {
  if (!argv_.has_value()) argv_ = ValueOrCount(files_.Cmdline(pid_), "cmdline", unreadable_);
  return argv_->words;
}

const kernel::CommandLine& LazyProcessFacts::command_line() {
  argv();
  if (argv_->whole) return *argv_;
  if (!command_line_.has_value()) {
    absl::StatusOr<kernel::CommandLine> all = files_.Cmdline(pid_, kernel::ProcessFiles::kLongestCmdline);
    command_line_ = all.ok() ? *std::move(all) : *argv_;
  }
  return *command_line_;
}

const std::string& LazyProcessFacts::exe() {
  if (!exe_.has_value()) exe_ = ValueOrCount(files_.Exe(pid_), "exe", unreadable_);
  return *exe_;
}

const std::string& LazyProcessFacts::cwd() {
  if (!cwd_.has_value()) cwd_ = ValueOrCount(files_.Cwd(pid_), "cwd", unreadable_);
  return *cwd_;
}

const std::string& LazyProcessFacts::cgroup() {
  if (!cgroup_.has_value()) cgroup_ = ValueOrCount(files_.Cgroup(pid_), "cgroup", unreadable_);
  return *cgroup_;
}

std::optional<uid_t> LazyProcessFacts::uid() {
  if (!uid_.has_value()) {
    const absl::StatusOr<uid_t> read = files_.Uid(pid_);
    if (!read.ok() && !absl::IsNotFound(read.status())) unreadable_.Count("status", read.status());
    uid_ = read.ok() ? std::optional<uid_t>(*read) : std::nullopt;
  }
  return *uid_;
}

const std::vector<std::string>& LazyProcessFacts::environment() {
  if (!environment_.has_value()) environment_ = ValueOrCount(files_.Environ(pid_), "environ", unreadable_);
  return *environment_;
}

std::string LazyProcessFacts::FollowLinks(const std::string& path) {
  return ValueOrCount(files_.FollowLinks(pid_, path), "root", unreadable_);
}

std::string SystemdUnit(std::string_view cgroup_text) {
  std::string_view v1_unit;
  for (const kernel::CgroupMembership& group : kernel::ParseCgroup(cgroup_text)) {
    if (group.v2) {
      const std::string_view unit = InnermostUnit(group.path);
      if (!unit.empty()) return std::string(unit);
    } else if (group.controllers == "name=systemd") {
      v1_unit = InnermostUnit(group.path);
    }
  }
  return std::string(v1_unit);
}

}  // namespace agent_exporter::agents
