#include "snapshot/store.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/descriptor.h"
#include "base/files.h"
#include "base/fnv1a.h"
#include "base/system.h"
#include "snapshot/diff.h"

namespace agent_exporter::snapshot {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr size_t kMaxBytes = 16 << 20;
constexpr int kMaxDepth = 64;
constexpr size_t kMaxName = 180;  // with suffixes below the 255 of most file systems
constexpr milliseconds kLockPause{5};

absl::Status FileError(int error, absl::string_view what, const std::string& path) {
  return absl::ErrnoToStatus(error, absl::StrCat("cannot ", what, " ", path));
}

absl::Status MakeDirectories(const std::string& dir) {
  for (size_t slash = dir.find('/', 1);; slash = dir.find('/', slash + 1)) {
    const std::string part = dir.substr(0, slash);
    struct stat info{};
    if (::mkdir(part.c_str(), 0700) != 0 && ::stat(part.c_str(), &info) != 0)
      return FileError(errno, "make the directory", part);
    if (slash == std::string::npos) break;
  }
  return absl::OkStatus();
}

using Owner = std::optional<std::pair<uid_t, gid_t>>;

// Root's snapshots in the daemon's directory belong to the daemon, which must be able to read them.
Owner OwnerFor(const std::string& dir) {
  struct stat info{};
  if (::geteuid() != 0 || ::stat(dir.c_str(), &info) != 0 || info.st_uid == 0) return std::nullopt;
  return std::pair(info.st_uid, info.st_gid);
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  // O_NONBLOCK: a FIFO in its place must not block us.
  const base::Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info{};
  if (!fd.ok() || ::fstat(fd.get(), &info) != 0) return FileError(errno, "read", path);
  if (!S_ISREG(info.st_mode)) return absl::InternalError(absl::StrCat(path, " is not a regular file"));
  std::string text;
  char buffer[16384];
  while (text.size() <= kMaxBytes) {
    const ssize_t got = ::read(fd.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError(errno, "read", path);
    if (got == 0) return text;
    text.append(buffer, static_cast<size_t>(got));
  }
  return absl::InternalError(absl::StrCat(path, " is longer than ", kMaxBytes, " bytes"));
}

// Empty if this is not one of our snapshots: not an object, incomplete, or nested too deep.
std::optional<Json> ParseSnapshot(const std::string& text) {
  bool deep = false;
  const auto watch_depth = [&deep](int depth, Json::parse_event_t, Json&) {
    deep |= depth > kMaxDepth;
    return !deep;
  };
  Json json = Json::parse(text, watch_depth, /*allow_exceptions=*/false);
  if (deep || !json.is_object()) return std::nullopt;
  return json;
}

absl::StatusOr<base::Descriptor> Lock(const SnapshotStore::Options& options, const std::string& path) {
  base::Descriptor fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.ok()) return FileError(errno, "open", path);
  if (const Owner owner = OwnerFor(options.dir)) (void)!::fchown(fd.get(), owner->first, owner->second);
  const SteadyClock::time_point deadline = SteadyClock::now() + options.patience;
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return FileError(errno, "lock", path);
    if (SteadyClock::now() >= deadline) {
      return absl::DeadlineExceededError(absl::StrCat("another writer holds ", path));
    }
    pollfd cancel{options.cancel_fd, POLLIN, 0};
    if (::poll(&cancel, 1, static_cast<int>(kLockPause.count())) > 0) {
      return absl::CancelledError(absl::StrCat("waiting for ", path, " was ended"));
    }
  }
  return fd;
}

// Makes prev a hard link to latest.
absl::Status Roll(const base::FileOptions& options, const std::string& stem, const std::string& text) {
  base::PendingFile prev(base::System::Real(), stem + ".prev.json");
  if (!prev.Link(stem + ".latest.json")) {
    if (absl::Status status = prev.Write(text, options); !status.ok()) return status;
  }
  return prev.Commit();
}

}  // namespace

std::string SafeFileName(std::string_view agent) {
  std::string name;
  for (const char c : agent) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || (c == '.' && !name.empty());
    if (plain) {
      name += c;
    } else {
      absl::StrAppendFormat(&name, "%%%02X", static_cast<unsigned char>(c));
    }
  }
  if (name.empty()) return "%";
  if (name.size() > kMaxName) {
    name.resize(kMaxName);
    absl::StrAppendFormat(&name, "%%%016x", base::Fnv1a(agent));
  }
  return name;
}

std::string SnapshotText(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

absl::StatusOr<StoredSnapshot> SnapshotStore::Write(const std::string& agent, Json snapshot,
                                                    const std::optional<DiffOptions>& diff) const {
  if (absl::Status status = MakeDirectories(options_.dir); !status.ok()) return status;
  const std::string stem = absl::StrCat(options_.dir, "/", SafeFileName(agent));
  const auto lock = Lock(options_, stem + ".lock");
  if (!lock.ok()) return lock.status();

  // The snapshot as the next run will read it: bad UTF-8 replaced, numbers as JSON writes them.
  std::optional<Json> clean = ParseSnapshot(SnapshotText(snapshot));
  if (!clean) return absl::InvalidArgumentError("a snapshot must be an object of moderate depth");
  snapshot = *std::move(clean);
  const auto text_before = ReadFile(stem + ".latest.json");
  const std::optional<Json> before = text_before.ok() ? ParseSnapshot(*text_before) : std::nullopt;
  std::vector<std::string> fields;
  if (before && diff) fields = DiffFields(*before, snapshot, *diff);

  StoredSnapshot stored{.path = stem + ".latest.json"};
  snapshot["has_diff"] = !fields.empty();
  snapshot["diff_fields"] = fields;
  // No flush, because an old snapshot is worth nothing after a power cut.
  const base::FileOptions file_options{.owner = OwnerFor(options_.dir), .flush = false};
  base::PendingFile latest(base::System::Real(), stored.path);
  base::PendingFile diff_file(base::System::Real(), stem + ".diff.json");
  if (absl::Status status = latest.Write(SnapshotText(snapshot), file_options); !status.ok()) return status;
  if (!fields.empty()) {
    stored.diff = {
        {"agent", snapshot["agent"]}, {"timestamp", snapshot["timestamp"]}, {"diff_fields", fields}};
    absl::Status status = diff_file.Write(SnapshotText(*stored.diff), file_options);
    if (!status.ok()) return status;
  }
  // Everything that needs space is written; the remaining steps only rename.
  if (before) {
    if (absl::Status status = Roll(file_options, stem, *text_before); !status.ok()) return status;
  }
  if (stored.diff) {
    if (absl::Status status = diff_file.Commit(); !status.ok()) return status;
  }
  if (absl::Status status = latest.Commit(); !status.ok()) return status;
  stored.snapshot = std::move(snapshot);
  return stored;
}

absl::StatusOr<std::string> SnapshotStore::ReadLatest(const std::string& agent) const {
  return ReadFile(absl::StrCat(options_.dir, "/", SafeFileName(agent), ".latest.json"));
}

}  // namespace agent_exporter::snapshot
