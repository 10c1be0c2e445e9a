// A /proc made of literals, enough for a Watch: a boot time, and processes with stat, cmdline and limits.

#ifndef AGENT_EXPORTER_TESTS_SERVE_FAKE_PROCFS_H_
#define AGENT_EXPORTER_TESTS_SERVE_FAKE_PROCFS_H_

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "tests/kernel/fake_tree.h"

namespace agent_exporter::serve {

class FakeProcfs {
 public:
  FakeProcfs() {
    tree_.Write("stat", "cpu  1 2 3 4\nbtime 1700000000\n");
    AddProcess(1, 0, "init");
  }

  const std::string& root() const { return tree_.root(); }

  void AddProcess(pid_t pid, pid_t ppid, const std::string& comm) const {
    const std::string dir = std::to_string(pid);
    tree_.Write(dir + "/stat",
                dir + " (" + comm + ") S " + std::to_string(ppid) +
                    " 1 1 0 -1 4194560 10 0 0 0 1 2 0 0 20 0 1 0 5000 4096000 100 "
                    "18446744073709551615 1 1 140000 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
    tree_.Write(dir + "/status",
                "Name:\t" + comm + "\nUid:\t0\t0\t0\t0\nVmSize:\t4000 kB\nVmRSS:\t400 kB\nThreads:\t1\n");
    tree_.Write(dir + "/cmdline", comm + std::string(1, '\0'));
    tree_.MakeDirectory(dir + "/fd");
  }
  void Write(const std::string& path, const std::string& text) const { tree_.Write(path, text); }
  // Like an unmounted procfs: the open directory lists nothing more.
  void RemoveRoot() const { std::filesystem::remove_all(tree_.root()); }

 private:
  kernel::FakeTree tree_;
};

}  // namespace agent_exporter::serve

#endif  // AGENT_EXPORTER_TESTS_SERVE_FAKE_PROCFS_H_
