// The flags of the process-exporter drop-in, and process-exporter's own command line.
//
// Thread safety: free functions and values.
// Errors: InvalidArgument with one line for the user.

#ifndef AGENT_EXPORTER_EXPORTER_COMPAT_FLAGS_H_
#define AGENT_EXPORTER_EXPORTER_COMPAT_FLAGS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace CLI {
class App;
}

namespace agent_exporter::exporter {

struct CompatOptions {
  std::string process_exporter;  // its configuration file
  std::string names;             // or names of processes, separated by commas
  bool children = true;
  bool recheck = false;
  bool smaps = false;

  bool enabled() const { return !process_exporter.empty() || !names.empty(); }
};

void AddCompatFlags(CLI::App& app, CompatOptions& options);

// Whether a program called so is asked to be process-exporter.
bool IsProcessExporter(std::string_view program);

// process-exporter's command line (-flag value, -flag=value, --flag) as ours, without the program's name.
absl::StatusOr<std::vector<std::string>> FromProcessExporter(const std::vector<std::string>& words);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_COMPAT_FLAGS_H_
