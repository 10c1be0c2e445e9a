#include "agents/process_facts.h"

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernel/parse_process.h"

namespace agent_exporter::agents {
namespace {

// The innermost component of a cgroup path that is a service or a scope; slices only group units.
std::string_view InnermostUnit(std::string_view path) {
  constexpr std::string_view kDeleted = " (deleted)";  // how the kernel marks a removed group
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

template <typename T>
T LazyProcessFacts::ValueOrCount(absl::StatusOr<T> read, std::string_view file) {
  if (read.ok()) return *std::move(read);
  if (!absl::IsNotFound(read.status())) unreadable_.Count(file, read.status());
  if (base::IsUnanswered(read.status())) complete_ = false;
  return T();
}

const std::vector<std::string>& LazyProcessFacts::argv() {
  if (!argv_.has_value()) argv_ = ValueOrCount(files_.Cmdline(key_), "cmdline");
  return argv_->words;
}

const kernel::CommandLine& LazyProcessFacts::command_line() {
  argv();
  if (argv_->whole) return *argv_;
  if (!command_line_.has_value()) {
    absl::StatusOr<kernel::CommandLine> all = files_.Cmdline(key_, kernel::ProcessFiles::kLongestCmdline);
    command_line_ = all.ok() ? *std::move(all) : *argv_;
  }
  return *command_line_;
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

const std::vector<std::string>& LazyProcessFacts::environment() {
  if (!environment_.has_value()) environment_ = ValueOrCount(files_.Environ(key_), "environ");
  return *environment_;
}

std::string LazyProcessFacts::FollowLinks(const std::string& path) {
  return ValueOrCount(files_.FollowLinks(key_, path), "root");
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
