#include "base/pidfile.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "absl/strings/ascii.h"
#include "base/descriptor.h"

namespace agent_exporter::base {
namespace {

absl::StatusOr<pid_t> Read(const std::string& path) {
  const base::Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat info{};
  char buffer[64];
  if (!fd.ok() || ::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return absl::NotFoundError("no regular file");
  }
  const ssize_t size = ::read(fd.get(), buffer, sizeof buffer);
  std::string_view text(buffer, static_cast<size_t>(std::max<ssize_t>(size, 0)));
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  const bool ends = end == text.data() + text.size() || absl::ascii_isspace(static_cast<unsigned char>(*end));
  if (error != std::errc() || !ends || pid <= 0) return absl::InvalidArgumentError("no pid");
  return pid;
}

}  // namespace

std::optional<pid_t> ReadPidfile(const std::string& path, BoundedReads& reads) {
  const absl::StatusOr<pid_t> pid = reads.Read<pid_t>(path, [path] { return Read(path); });
  return pid.ok() ? std::optional(*pid) : std::nullopt;
}

}  // namespace agent_exporter::base
