// The interface of the readers: a process in, what its files tell of its session out.
//
// Each session has a reader of its own, which follows that session's files from look to look. Formats are
// nobody's promise: a shape that a reader does not know yields nothing rather than a wrong figure.
//
// Thread safety: none; but a reader may be moved between threads, because a read whose file system does not
// answer stays behind with it.

#ifndef AGENT_EXPORTER_SESSIONS_SESSION_READER_H_
#define AGENT_EXPORTER_SESSIONS_SESSION_READER_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "kernel/process.h"
#include "sessions/session.h"

namespace agent_exporter::sessions {

// Who the process is and where its files are.
struct SessionProcess {
  kernel::ProcessKey key;
  pid_t inner_pid = 0;  // as the process sees itself: another one in a container
  uid_t uid = 0;
  double start_seconds = 0;  // since the epoch
  std::string cwd;           // as the process sees it
  std::string root;  // "/proc/PID/root" for a process of a container; "" where our files are its files
  std::string home;  // as the process sees it; "" if unknown
  std::map<std::string, std::string> environment;  // kSessionVariables that it has
  std::vector<std::string> held;  // paths of the open files of its tree, as far as a reader asked for them
  bool alone = true;              // no other process of this agent and user has this working directory
};

// What a reader may want to know of the environment, where it may be read.
inline constexpr std::string_view kSessionVariables[] = {
    "HOME",      "CLAUDE_CONFIG_DIR", "CODEX_HOME",     "GEMINI_CLI_HOME",
    "QWEN_HOME", "XDG_DATA_HOME",     "XDG_RUNTIME_DIR"};

struct ReaderOptions {
  double count_from = 0;                            // tokens of lines written before this are not `fresh`
  std::map<std::string, uint64_t> context_windows;  // by model, or by a prefix of it that ends in *
  uint64_t context_window = 0;                      // of all models; 0: not set
  std::string config_dir;                           // Claude Code's, where it is configured
};

class SessionReader {
 public:
  virtual ~SessionReader() = default;

  // Reads on, at most about `bytes` (more than 0), and takes what it read off `bytes`. NotFound: this process
  // has no session. Other errors as base/regular_file.h.
  virtual absl::StatusOr<SessionState> Read(const SessionProcess& process, uint64_t* bytes) = 0;

  // Which open files it wants to know for the next Read, in SessionProcess::held: those with this folder and
  // this end in their paths. An empty end: none.
  struct Held {
    std::string_view folder, suffix;
  };
  virtual Held WantsHeld() { return {}; }
};

// The reader for processes of the built-in profile `profile` ("claude", "codex", …); null if there is none.
std::unique_ptr<SessionReader> MakeSessionReader(std::string_view profile, const ReaderOptions& options);

// The built-in profiles that have a reader.
std::vector<std::string_view> ReadableProfiles();

// The window of a model in tokens, if the configuration says it.
std::optional<uint64_t> ConfiguredWindow(const ReaderOptions& options, std::string_view model);

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_SESSION_READER_H_
