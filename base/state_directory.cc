#include "base/state_directory.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace agent_exporter::base {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool IsAbsolute(const std::string& path) { return path.starts_with('/'); }

}  // namespace

StateEnvironment SystemStateEnvironment() {
  return {.state_directory = Variable("STATE_DIRECTORY"),
          .xdg_state_home = Variable("XDG_STATE_HOME"),
          .home = Variable("HOME"),
          .root = geteuid() == 0};
}

absl::StatusOr<std::string> StateDirectory(const StateEnvironment& environment) {
  std::string first = environment.state_directory.substr(0, environment.state_directory.find(':'));
  if (IsAbsolute(first)) return first;
  if (IsAbsolute(environment.xdg_state_home)) return environment.xdg_state_home + "/agent_exporter";
  if (environment.root) return "/var/lib/agent_exporter";
  if (IsAbsolute(environment.home)) return environment.home + "/.local/state/agent_exporter";
  return absl::FailedPreconditionError(
      "no state directory: neither STATE_DIRECTORY nor XDG_STATE_HOME nor HOME is set");
}

absl::Status MakeStateDirectory(const std::string& path) {
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      const int error = errno;
      struct stat there = {};
      // An existing parent can fail with something other than EEXIST (EROFS on a read-only file system).
      if (stat(part.c_str(), &there) != 0) {
        return absl::FailedPreconditionError(
            fmt::format("cannot create directory {}: {}", part, std::strerror(error)));
      }
    }
    if (end == std::string::npos) break;
  }
  // access(2) checks the real user, and ignores capabilities that are dropped later. Creating a file is a
  // true test.
  std::string probe = path + "/.writable.XXXXXX";
  const int fd = mkstemp(probe.data());
  if (fd < 0) {
    return absl::FailedPreconditionError(fmt::format("cannot write to {}: {}", path, std::strerror(errno)));
  }
  close(fd);
  unlink(probe.c_str());
  return absl::OkStatus();
}

absl::StatusOr<std::string> OwnStateDirectory() {
  auto directory = StateDirectory(SystemStateEnvironment());
  if (!directory.ok()) return directory;
  if (absl::Status status = MakeStateDirectory(*directory); !status.ok()) return status;
  return directory;
}

}  // namespace agent_exporter::base
