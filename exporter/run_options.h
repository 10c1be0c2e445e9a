// The command lines of `run` and `diagnose-exit`.
//
// Thread safety: values and free functions.

#ifndef AGENT_EXPORTER_EXPORTER_RUN_OPTIONS_H_
#define AGENT_EXPORTER_EXPORTER_RUN_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "run/stderr_lines.h"

namespace CLI {
class App;
}

namespace agent_exporter::exporter {

struct RunOptions {
  std::string name;  // empty: the command's own
  std::string kind, slot;
  std::vector<std::string> listen;  // where to serve /metrics; empty: nowhere
  std::string interval;             // for ParseDuration; "0": one sample at the start; empty: by source
  bool no_sampler = false;
  bool capture_stderr = false;
  run::StderrFilter stderr_filter;
  std::string diagnosis_file;
  std::vector<std::string> command;  // the words after --
};

struct DiagnoseOptions {
  std::optional<int> code;
  std::string signal;  // "KILL", "SIGKILL" or "9"
  bool self_killed = false;
  std::string oom = "unclear";
  std::string name = "task";
  std::string kind, slot;
  std::optional<uint64_t> resident_bytes;
  std::optional<double> cpu_ratio, sample_age;
  std::optional<uint64_t> heap_used_bytes, heap_limit_bytes, in_process_resident_bytes;
  std::string stderr_file;
  run::StderrFilter stderr_filter;
  bool json = false;
};

CLI::App* AddRunCommand(CLI::App& app, RunOptions& options);
CLI::App* AddDiagnoseExitCommand(CLI::App& app, DiagnoseOptions& options);

// The number of a signal by its name (with or without SIG) or number; empty for anything else.
std::optional<int> SignalNumber(const std::string& text);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_RUN_OPTIONS_H_
