// Log lines as Prometheus programs write them, to stderr: logfmt or JSON, one line an event, whatever the
// message holds.
//
// Thread safety: SetUpLogging before threads start; logging itself (spdlog) from any thread.

#ifndef AGENT_EXPORTER_EXPORTER_LOGGING_H_
#define AGENT_EXPORTER_EXPORTER_LOGGING_H_

#include <string>
#include <string_view>

namespace agent_exporter::exporter {

// `level`: debug, info, warn or error; `format`: logfmt or json.
void SetUpLogging(const std::string& level, const std::string& format);

// `text` between double quotes with quotes, backslashes and control bytes escaped, as both formats want it.
// Bytes that are not UTF-8 become U+FFFD.
std::string JsonString(std::string_view text);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_LOGGING_H_
