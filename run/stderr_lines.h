// The last useful lines of what a task wrote to stderr.
//
// Thread safety: a pure function.

#ifndef AGENT_EXPORTER_RUN_STDERR_LINES_H_
#define AGENT_EXPORTER_RUN_STDERR_LINES_H_

#include <string>
#include <string_view>
#include <vector>

namespace agent_exporter::run {

// Of `tail` without empty lines, frames of a native stack and lines that start with one of `own_prefixes`
// (the worker's own log lines), the last `limit`, each valid UTF-8 without control bytes and at most 400
// bytes. `cut` says that the first line of the tail lacks its beginning: it is dropped unless it is the only
// one.
std::vector<std::string> UsefulStderrLines(std::string_view tail,
                                           const std::vector<std::string>& own_prefixes, bool cut,
                                           size_t limit = 10);

}  // namespace agent_exporter::run

#endif  // AGENT_EXPORTER_RUN_STDERR_LINES_H_
