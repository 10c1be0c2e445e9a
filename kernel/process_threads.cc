#include "kernel/process_threads.h"

#include <fcntl.h>

#include <cerrno>
#include <charconv>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/descriptor.h"
#include "base/errno_status.h"
#include "kernel/directory.h"
#include "kernel/parse_process.h"
#include "kernel/process.h"

namespace agent_exporter::kernel {
namespace {

constexpr int kMaxThreads = 4096;

// Calls visit("PID/task/TID") for every thread.
template <typename Visit>
absl::Status ForEachThread(const RootedReader& proc, pid_t pid, Visit visit) {
  if (!proc.ok()) return proc.status();
  const std::string task = absl::StrCat(pid, "/task");
  const base::Descriptor dir(::openat(proc.dir_fd(), task.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir.ok()) return base::ErrnoStatus(errno, task);
  std::string listing(4096, '\0');
  const int error = ForEachEntry(dir.get(), &listing, [&](const char* entry) {
    if (*entry != '.') visit(absl::StrCat(task, "/", entry), entry);
  });
  return error == 0 ? absl::OkStatus() : base::ErrnoStatus(error, task);
}

// The letter of the line "State:\tS (sleeping)" of a status file; '?' if there is none.
char StateIn(std::string_view status) {
  constexpr std::string_view kLine = "\nState:\t";
  const size_t at = status.find(kLine);
  return at == std::string_view::npos || at + kLine.size() >= status.size() ? '?' : status[at + kLine.size()];
}

}  // namespace

absl::StatusOr<std::optional<pid_t>> FindThread(const RootedReader& proc, pid_t pid, std::string_view name) {
  const std::string_view wanted = name.substr(0, kCommBytes);
  std::optional<pid_t> found;
  int looked_at = 0;
  std::string buffer;
  absl::Status status = ForEachThread(proc, pid, [&](const std::string& path, std::string_view digits) {
    pid_t tid = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), tid);
    if (tid <= 0 || ++looked_at > kMaxThreads || (found && *found < tid)) return;
    const auto comm = proc.Read(path + "/comm", &buffer);
    if (!comm.ok() || comm->empty()) return;  // it ended meanwhile
    if (comm->substr(0, comm->size() - 1) == wanted) found = tid;
  });
  if (!status.ok()) return status;
  return found;
}

absl::StatusOr<ThreadFigures> ReadThreadFigures(const RootedReader& proc, pid_t pid) {
  ThreadFigures figures;
  std::string buffer;
  absl::Status unreadable;
  absl::Status status = ForEachThread(proc, pid, [&](const std::string& path, std::string_view) {
    const auto text = proc.Read(path + "/status", &buffer);
    if (absl::IsNotFound(text.status())) return;  // it ended meanwhile
    if (!text.ok()) unreadable = text.status();
    if (!text.ok()) return;
    const StatusFields fields = ParseStatus(*text);
    figures.voluntary_switches += fields.voluntary_switches.value_or(0);
    figures.involuntary_switches += fields.involuntary_switches.value_or(0);
    ++figures.states[ThreadFigures::StateIndex(StateIn(*text))];
  });
  if (status.ok()) status = unreadable;
  if (!status.ok()) return status;
  return figures;
}

}  // namespace agent_exporter::kernel
