// A file of the state directory that a thread of its own writes, so that the sampler only copies: always
// whole, by temporary file and rename. Not flushed to the disk: it outlives the exporter's end, however that
// comes, and is about processes that do not outlive the host's.
//
// Thread safety: one thread at a time.

#ifndef AGENT_EXPORTER_SERVE_STATE_FILE_H_
#define AGENT_EXPORTER_SERVE_STATE_FILE_H_

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace agent_exporter::serve {

class StateFile {
 public:
  // `loss`: what a restart loses while it cannot be written, for the log: "orphans".
  StateFile(std::string path, std::string loss);
  ~StateFile();  // writes what is waiting
  StateFile(const StateFile&) = delete;
  StateFile& operator=(const StateFile&) = delete;

  const std::string& path() const { return path_; }

  // What is in the file; empty: there is none, or it cannot be read, which is logged.
  std::optional<std::string> Read() const;
  // Out of the way, for whoever wants to see what was wrong with it. The path it has then.
  std::string SetAside() const;
  // What the file is to hold next. A write in between may be left out.
  void Write(std::string bytes);

 private:
  void Run();
  void Save(const std::string& bytes);

  const std::string path_;
  const std::string loss_;
  bool failing_ = false;  // so that a full disk is logged once
  std::mutex mutex_;
  std::condition_variable wake_;
  std::optional<std::string> next_;
  bool stopping_ = false;
  std::thread writer_;
};

}  // namespace agent_exporter::serve

#endif  // AGENT_EXPORTER_SERVE_STATE_FILE_H_
