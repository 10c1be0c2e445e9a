// The last useful lines of what a task wrote to stderr.
//
// Thread safety: a pure function.

#ifndef AGENT_EXPORTER_RUN_STDERR_LINES_H_
#define AGENT_EXPORTER_RUN_STDERR_LINES_H_

#include <string>
#include <string_view>
#include <vector>

namespace agent_exporter::run {

// Lines that say nothing about an end.
struct StderrFilter {
  std::vector<std::string> prefixes;  // of the worker's own log lines
  // Noise from anywhere in the line. Node warns of this variable in two lines.
  std::vector<std::string> substrings = {"NODE_TLS_REJECT_UNAUTHORIZED", "(Use `node --trace-warnings"};
};

// The last `limit` lines of `tail`, without empty lines, frames of a native stack and what `filter` drops.
// Each is valid UTF-8 without control bytes, at most 400 bytes. `cut`: the first line of the tail lacks its
// beginning, so it is dropped unless it is the only one.
std::vector<std::string> UsefulStderrLines(std::string_view tail, const StderrFilter& filter, bool cut,
                                           size_t limit = 10);

// V8's line about its last collection in `tail`: "Mark-Compact 32.9 -> 32.1 MB". Empty if there is none.
std::string HeapLine(std::string_view tail);

}  // namespace agent_exporter::run

#endif  // AGENT_EXPORTER_RUN_STDERR_LINES_H_
