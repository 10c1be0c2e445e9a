// The lowest level of the exposition formats: checks names, and appends escaped strings and numbers.
//
// The output is always valid UTF-8 without NUL: a byte that is not part of a well-formed sequence becomes
// U+FFFD. A process can choose any name, and one bad byte would make Prometheus reject the whole scrape.
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

// [a-zA-Z_][a-zA-Z0-9_]*, but not __…, which Prometheus reserves for itself.
bool IsLabelName(std::string_view name);

// The characters to escape besides the backslash.
enum class Escape { kNewline, kNewlineAndQuote };

// Appends text with \ as \\, newline as \n and, with kNewlineAndQuote, " as \".
void AppendEscaped(std::string_view text, Escape escape, std::string* out);

// Appends the shortest digits that parse to the same double. Whole numbers below 1e21 have neither exponent
// nor point. Special values are NaN, +Inf and -Inf.
void AppendNumber(double value, std::string* out);
void AppendInteger(std::uint64_t value, std::string* out);

// Appends a value of `le` or `quantile` in the canonical form of OpenMetrics 1.0, to which Prometheus 3
// normalises: whole numbers end in ".0", and numbers below 1e-4 or from 1e6 have an exponent.
void AppendCanonicalFloat(double value, std::string* out);

// Appends a timestamp, given in milliseconds since the epoch: as it is (text 0.0.4), or in seconds
// (OpenMetrics).
void AppendMilliseconds(std::int64_t ms, std::string* out);
void AppendMillisecondsAsSeconds(std::int64_t ms, std::string* out);

}  // namespace agent_exporter::formats

#endif  // AGENT_EXPORTER_FORMATS_TEXT_WRITER_H_
