#include "kernel/process_threads.h"

#include <fcntl.h>

#include <cerrno>
#include <charconv>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/descriptor.h"
#include "base/errno_status.h"
#include "kernel/directory.h"
#include "kernel/process.h"

namespace agent_exporter::kernel {
namespace {

constexpr int kMaxThreads = 4096;

}  // namespace

absl::StatusOr<std::optional<pid_t>> FindThread(const RootedReader& proc, pid_t pid, std::string_view name) {
  if (!proc.ok()) return proc.status();
  const std::string task = absl::StrCat(pid, "/task");
  const base::Descriptor dir(::openat(proc.dir_fd(), task.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir.ok()) return base::ErrnoStatus(errno, task);
  const std::string_view wanted = name.substr(0, kCommBytes);
  std::optional<pid_t> found;
  int looked_at = 0;
  std::string listing(32768, '\0'), buffer;
  const int error = ForEachEntry(dir.get(), &listing, [&](const char* entry) {
    pid_t tid = 0;
    const std::string_view digits(entry);
    std::from_chars(digits.data(), digits.data() + digits.size(), tid);
    if (tid <= 0 || ++looked_at > kMaxThreads || (found && *found < tid)) return;
    const auto comm = proc.Read(absl::StrCat(task, "/", entry, "/comm"), &buffer);
    if (!comm.ok() || comm->empty()) return;  // it ended meanwhile
    if (comm->substr(0, comm->size() - 1) == wanted) found = tid;
  });
  if (error != 0) return base::ErrnoStatus(error, task);
  return found;
}

}  // namespace agent_exporter::kernel
