// Log lines on stderr in the format of Prometheus programs: logfmt or JSON, always one line per message.
//
// Thread safety: call SetUpLogging before threads start. Any thread may log (spdlog).

#ifndef AGENT_EXPORTER_EXPORTER_LOGGING_H_
#define AGENT_EXPORTER_EXPORTER_LOGGING_H_

#include <string>
#include <string_view>

namespace agent_exporter::exporter {

// `level`: debug, info, warn or error; `format`: logfmt or json.
void SetUpLogging(const std::string& level, const std::string& format);

// `text` as a JSON string, which logfmt accepts too. Bytes that are not UTF-8 become U+FFFD.
std::string JsonString(std::string_view text);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_LOGGING_H_
