// A file of the state directory, replaced whole (base/files.h) by a thread that starts with the first write,
// so that the sampler never waits for a disk. Where that thread is refused, Flush writes.
//
// Thread safety: one thread at a time.

#ifndef AGENT_EXPORTER_SERVE_STATE_FILE_H_
#define AGENT_EXPORTER_SERVE_STATE_FILE_H_

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "base/newest_worker.h"
#include "base/system.h"

namespace agent_exporter::serve {

class StateFile {
 public:
  // `content` names what the file holds in log lines: "leak evidence".
  StateFile(std::string path, std::string content, base::System& system);
  ~StateFile() { Flush(); }
  StateFile(const StateFile&) = delete;
  StateFile& operator=(const StateFile&) = delete;

  const std::string& path() const { return path_; }

  // What is in the file; empty: there is none, or it cannot be read, which is logged.
  std::optional<std::string> Read() const;
  // Renames the file to PATH.bad, for whoever wants to see what was wrong with it, and logs that.
  void SetAside(const absl::Status& why);
  // What the file is to hold next; returns at once. A later call may replace it before it is written.
  void Write(std::string bytes) { worker_.Submit(std::move(bytes)); }
  // Waits until what the last Write left is in the file, or has failed.
  void Flush();

 private:
  void Save(const std::string& bytes);
  void Report(const absl::Status& status);

  const std::string path_;
  const std::string content_;
  base::System& system_;
  bool failing_ = false;  // so that a full disk is logged once
  base::NewestWorker<std::string> worker_;
};

}  // namespace agent_exporter::serve

#endif  // AGENT_EXPORTER_SERVE_STATE_FILE_H_
