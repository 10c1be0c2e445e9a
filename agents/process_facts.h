// The facts about a process that match rules use. Each is read on demand and at most once: a rule that needs
// only comm costs no read, one that needs argv costs one.
//
// Thread safety: none.

#ifndef AGENT_EXPORTER_AGENTS_PROCESS_FACTS_H_
#define AGENT_EXPORTER_AGENTS_PROCESS_FACTS_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agents/script_name.h"  // IWYU pragma: export
#include "kernel/process_files.h"
#include "kernel/unreadable.h"

namespace agent_exporter::agents {

// The interface. The tracker implements it with ProcessFiles, tests with literals. An empty value means that
// the fact could not be read or does not exist; a condition on it then fails.
class ProcessFacts {
 public:
  virtual ~ProcessFacts() = default;
  virtual pid_t pid() = 0;
  // False: a read timed out, so match again at the next sample.
  virtual bool complete() { return true; }
  virtual const std::string& comm() = 0;
  // The first 64 KiB of the command line, which hold the program, its script and nearly always everything.
  virtual const std::vector<std::string>& argv() = 0;
  // The whole command line, as far as it can be read.
  virtual const kernel::CommandLine& command_line() = 0;
  virtual const std::string& exe() = 0;
  virtual const std::string& cwd() = 0;
  virtual const std::string& cgroup() = 0;  // text of /proc/<pid>/cgroup
  virtual std::optional<uid_t> uid() = 0;
  virtual const std::vector<std::string>& environment() = 0;  // NAME=VALUE, as of its execve
  // The target of the symlink `path`, as the process sees it. Returns `path` itself if it is not a symlink.
  virtual std::string FollowLinks(const std::string& path) = 0;
};

// Reads from `files`, which must outlive this. Counts failures in `unreadable`, except that the process is
// gone.
class LazyProcessFacts : public ProcessFacts {
 public:
  LazyProcessFacts(const kernel::ProcessKey& key, std::string comm, kernel::ProcessFiles& files,
                   kernel::Unreadable& unreadable)
      : key_(key), comm_(std::move(comm)), files_(files), unreadable_(unreadable) {}

  pid_t pid() override { return key_.pid; }
  bool complete() override { return complete_; }
  const std::string& comm() override { return comm_; }
  const std::vector<std::string>& argv() override;
  const kernel::CommandLine& command_line() override;
  const std::string& exe() override;
  const std::string& cwd() override;
  const std::string& cgroup() override;
  std::optional<uid_t> uid() override;
  const std::vector<std::string>& environment() override;
  std::string FollowLinks(const std::string& path) override;

 private:
  // The value, or an empty one on failure. Counts the failure unless the process is gone.
  template <typename T>
  T ValueOrCount(absl::StatusOr<T> read, std::string_view file);

  const kernel::ProcessKey key_;
  bool complete_ = true;
  std::string comm_;
  kernel::ProcessFiles& files_;
  kernel::Unreadable& unreadable_;
  std::optional<kernel::CommandLine> argv_;
  std::optional<kernel::CommandLine> command_line_;
  std::optional<std::string> exe_;
  std::optional<std::string> cwd_;
  std::optional<std::string> cgroup_;
  std::optional<std::optional<uid_t>> uid_;
  std::optional<std::vector<std::string>> environment_;
};

// The innermost systemd unit (.service or .scope) in the text of /proc/<pid>/cgroup, or "". systemd keeps its
// tree in the v2 hierarchy (line "0::") and, with v1, in "name=systemd"; the first of the two that names a
// unit decides.
std::string SystemdUnit(std::string_view cgroup_text);

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_PROCESS_FACTS_H_
