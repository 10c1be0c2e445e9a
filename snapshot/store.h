// The files of one agent's snapshots:
//
//   <agent>.latest.json   the newest; never missing from the first snapshot on, never half
//   <agent>.prev.json     the one before
//   <agent>.diff.json     what changed when something last did: agent, timestamp, diff_fields
//   <agent>.lock          held (flock(2)) while one is written
//
// Any number of writers, in this process or others, take turns with the lock. Readers need none: files are
// renamed into place, and latest becomes prev by a hard link, so that both names always exist.
//
// Thread safety: safe to call from any thread; writers wait for each other.

#ifndef AGENT_EXPORTER_SNAPSHOT_STORE_H_
#define AGENT_EXPORTER_SNAPSHOT_STORE_H_

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "snapshot/options.h"

namespace agent_exporter::snapshot {

// An agent's name as a file name: letters, digits and ".-_" as they are, any other byte as %XX, so that two
// agents never share one. A leading dot is escaped; a long name is cut and ends in a hash of the whole.
std::string SafeFileName(std::string_view agent);

struct StoredSnapshot {
  nlohmann::ordered_json snapshot;             // as written: with has_diff and diff_fields
  std::optional<nlohmann::ordered_json> diff;  // the content of diff.json where something changed
  std::string path;                            // of latest
};

class SnapshotStore {
 public:
  struct Options {
    std::string dir;  // created with mode 0700 if missing
    // How long to wait for other writers. Cancelled once cancel_fd (-1: none) is readable.
    std::chrono::milliseconds patience{5000};
    int cancel_fd = -1;
  };
  explicit SnapshotStore(Options options) : options_(std::move(options)) {}

  // Compares `snapshot` with the one before, adds has_diff and diff_fields, rolls and writes. Without
  // `diff` it compares nothing and has_diff is false. A latest.json that is not valid counts as none and is
  // overwritten.
  // Errors name the file: PermissionDenied, ResourceExhausted (disk full), DeadlineExceeded (another writer
  // holds the lock), Cancelled, Internal. An error leaves the files as they were.
  absl::StatusOr<StoredSnapshot> Write(const std::string& agent, nlohmann::ordered_json snapshot,
                                       const std::optional<DiffOptions>& diff) const;

  // The text of latest.json. NotFound: there is none.
  absl::StatusOr<std::string> ReadLatest(const std::string& agent) const;

 private:
  Options options_;
};

// One line of JSON text, ending in a newline; bytes that are no UTF-8 become U+FFFD.
std::string SnapshotText(const nlohmann::ordered_json& json);

}  // namespace agent_exporter::snapshot

#endif  // AGENT_EXPORTER_SNAPSHOT_STORE_H_
