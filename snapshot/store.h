// The files of one agent's snapshots:
//
//   <agent>.latest.json   the newest; from the first snapshot on it always exists and is complete
//   <agent>.prev.json     the previous one
//   <agent>.diff.json     the last change: agent, timestamp, diff_fields
//   <agent>.lock          locked (flock(2)) while one is written
//
// Any number of writers, in this process or others, take turns with the lock. Readers need no lock: files are
// renamed into place, and prev is a hard link to the former latest, so both names always exist.
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

// An agent's name as a file name: letters, digits and ".-_" are kept and any other byte becomes %XX, so that
// two agents never share a file. A leading dot is escaped; a long name is truncated and ends in a hash of the
// whole.
std::string SafeFileName(std::string_view agent);

struct StoredSnapshot {
  nlohmann::ordered_json snapshot;             // as written: with has_diff and diff_fields
  std::optional<nlohmann::ordered_json> diff;  // the content of diff.json if something changed
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

  // Compares `snapshot` with the previous one, adds has_diff and diff_fields, moves latest to prev, and
  // writes. Without `diff` it does not compare, and has_diff is false. An invalid latest.json is ignored and
  // overwritten.
  //
  // Errors name the file: PermissionDenied, ResourceExhausted (disk full), DeadlineExceeded (another writer
  // holds the lock), Cancelled, Internal. An error leaves the files as they were.
  absl::StatusOr<StoredSnapshot> Write(const std::string& agent, nlohmann::ordered_json snapshot,
                                       const std::optional<DiffOptions>& diff) const;

  // The text of latest.json. NotFound: there is none.
  absl::StatusOr<std::string> ReadLatest(const std::string& agent) const;

 private:
  Options options_;
};

// One line of JSON text with a newline; invalid UTF-8 becomes U+FFFD.
std::string SnapshotText(const nlohmann::ordered_json& json);

}  // namespace agent_exporter::snapshot

#endif  // AGENT_EXPORTER_SNAPSHOT_STORE_H_
