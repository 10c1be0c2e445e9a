#include "kernel/process_files.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "kernel/parse_process.h"

namespace agent_exporter::kernel {
namespace {

std::vector<std::string> SplitAtNul(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\0'), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

// One name for all reads of a process' memory: where one hangs, all do. With its start time, since the pid
// may be handed out again before the read returns.
std::string What(const ProcessKey& key) {
  return absl::StrCat("the memory of pid ", key.pid, " (start time ", key.start_ticks, ")");
}

}  // namespace

std::shared_ptr<const RootedReader> ProcessFiles::OwnedRoot() {
  if (owned_root_ == nullptr) owned_root_ = std::make_shared<const RootedReader>(proc_.root());
  return owned_root_;
}

absl::StatusOr<std::vector<std::string>> ProcessFiles::Cmdline(const ProcessKey& key) {
  const absl::StatusOr<std::string> text = reads_.Read<std::string>(
      What(key), [proc = OwnedRoot(), pid = key.pid]() -> absl::StatusOr<std::string> {
        constexpr size_t kLimit = 64 << 10;
        std::string buffer;
        const auto read = proc->Read(std::to_string(pid) + "/cmdline", &buffer, kLimit);
        if (!read.ok()) return read.status();
        return buffer;
      });
  if (!text.ok()) return text.status();
  std::vector<std::string> arguments = SplitAtNul(*text);
  while (!arguments.empty() && arguments.back().empty()) arguments.pop_back();
  return arguments;
}

absl::StatusOr<std::string> ProcessFiles::Exe(const ProcessKey& key) {
  absl::StatusOr<std::string> target = reads_.Read<std::string>(
      What(key),
      [proc = OwnedRoot(), pid = key.pid] { return proc->ReadLink(std::to_string(pid) + "/exe"); });
  constexpr std::string_view kDeleted = " (deleted)";
  if (target.ok() && target->size() >= kDeleted.size() &&
      target->compare(target->size() - kDeleted.size(), std::string::npos, kDeleted) == 0) {
    target->resize(target->size() - kDeleted.size());
  }
  return target;
}

absl::StatusOr<std::string> ProcessFiles::Cwd(pid_t pid) {
  return proc_.ReadLink(std::to_string(pid) + "/cwd");
}

absl::StatusOr<uid_t> ProcessFiles::Uid(pid_t pid) {
  const absl::StatusOr<std::string_view> text = proc_.Read(std::to_string(pid) + "/status", &buffer_);
  if (!text.ok()) return text.status();
  const StatusFields fields = ParseStatus(*text);
  if (!fields.uid) return absl::InvalidArgumentError("status: no Uid");
  return *fields.uid;
}

absl::StatusOr<std::string> ProcessFiles::Cgroup(pid_t pid) {
  const absl::StatusOr<std::string_view> text = proc_.Read(std::to_string(pid) + "/cgroup", &buffer_);
  if (!text.ok()) return text.status();
  return std::string(*text);
}

absl::StatusOr<ProcessLimits> ProcessFiles::Limits(pid_t pid) {
  const absl::StatusOr<std::string_view> text = proc_.Read(std::to_string(pid) + "/limits", &buffer_);
  if (!text.ok()) return text.status();
  return ParseLimits(*text);
}

}  // namespace agent_exporter::kernel
