// Makes bytes that a process chose itself (comm, argv, paths) safe to show. They can contain any byte except
// NUL.
//
// Thread safety: free functions without state.

#ifndef AGENT_EXPORTER_BASE_LABEL_VALUE_H_
#define AGENT_EXPORTER_BASE_LABEL_VALUE_H_

#include <string>
#include <string_view>

namespace agent_exporter::base {

// Converts any bytes to a valid UTF-8 label value: broken sequences and NUL become U+FFFD. Cut to at most 128
// bytes, between characters.
std::string LabelValue(std::string_view raw);

// `raw` in double quotes, for messages on a terminal: ASCII only, other bytes escaped as in C. Cut after
// `limit` bytes, with "..." after the closing quote.
std::string Quoted(std::string_view raw, size_t limit = 160);

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_LABEL_VALUE_H_
