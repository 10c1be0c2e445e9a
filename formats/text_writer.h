// The lowest level of the exposition formats: names, escaped strings and numbers appended to a string.
//
// Output is always valid UTF-8 without NUL, whatever the input: a byte that is not part of a well-formed
// sequence becomes U+FFFD. A process may call itself anything, and one bad byte would make Prometheus refuse
// the whole scrape.
//
// Thread safety: free functions without state.

#ifndef AGENT_EXPORTER_FORMATS_TEXT_WRITER_H_
#define AGENT_EXPORTER_FORMATS_TEXT_WRITER_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace agent_exporter::formats {

// [a-zA-Z_:][a-zA-Z0-9_:]*
bool IsMetricName(std::string_view name);

// [a-zA-Z_][a-zA-Z0-9_]*, but not __…, which is reserved for the server's own use.
bool IsLabelName(std::string_view name);

// Which characters are escaped besides \ and newline.
enum class Escape { kNewline, kNewlineAndQuote };

// Appends text with \ as \\, newline as \n and, where asked, " as \".
void AppendEscaped(std::string_view text, Escape escape, std::string* out);

// The shortest digits that read back as the same double. Whole numbers below 1e21 have no exponent and no
// point; NaN, +Inf and -Inf are spelled so.
void AppendNumber(double value, std::string* out);
void AppendInteger(std::uint64_t value, std::string* out);

// The form of `le` and `quantile` label values that OpenMetrics 1.0 calls canonical and Prometheus 3
// normalises to: whole numbers end in ".0", an exponent is used below 1e-4 and from 1e6 on.
void AppendCanonicalFloat(double value, std::string* out);

// Time stamps in milliseconds since the epoch: as they are (text 0.0.4), and in seconds (OpenMetrics).
void AppendMilliseconds(std::int64_t ms, std::string* out);
void AppendMillisecondsAsSeconds(std::int64_t ms, std::string* out);

}  // namespace agent_exporter::formats

#endif  // AGENT_EXPORTER_FORMATS_TEXT_WRITER_H_
