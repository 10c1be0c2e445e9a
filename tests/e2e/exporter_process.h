// The programs of an end-to-end test, started and talked to as anybody would: over pipes and HTTP.
//
// Ownership: a process is killed and reaped with its object. Thread safety: none.

#ifndef AGENT_EXPORTER_TESTS_E2E_EXPORTER_PROCESS_H_
#define AGENT_EXPORTER_TESTS_E2E_EXPORTER_PROCESS_H_

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace agent_exporter::e2e {

// A child process with a pipe to its stdin and one from its stdout or stderr.
class PipedProcess {
 public:
  // Aborts when it cannot be started. `captured` is STDOUT_FILENO or STDERR_FILENO.
  PipedProcess(const std::vector<std::string>& command, int captured);
  ~PipedProcess();
  PipedProcess(const PipedProcess&) = delete;
  PipedProcess& operator=(const PipedProcess&) = delete;

  pid_t pid() const { return pid_; }
  void WriteLine(const std::string& line) const;
  // Without its newline; what there is left at the end of the pipe, then "".
  std::string ReadLine() const;
  std::string ReadAll() const;
  // Its exit code once it ends, or minus the signal.
  int Wait();

 private:
  pid_t pid_ = -1;
  int in_ = -1;
  int out_ = -1;
};

// The running program on a free port of 127.0.0.1, and its figures.
class ExporterProcess {
 public:
  // By sample as the text format spells it: name{label="value",…}.
  using Samples = std::map<std::string, double>;

  // `program` is its path. Aborts when it does not come to listen.
  ExporterProcess(const std::string& program, const std::vector<std::string>& flags);

  // A scrape whose figures were read after this was called: scrapes close together share one look.
  Samples ScrapeAfresh() const;

 private:
  std::string Get(const std::string& path) const;

  PipedProcess process_;
  int port_ = 0;
};

}  // namespace agent_exporter::e2e

#endif  // AGENT_EXPORTER_TESTS_E2E_EXPORTER_PROCESS_H_
