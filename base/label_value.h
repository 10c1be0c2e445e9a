// Bytes that a process chose for itself (comm, argv, paths), made fit to show. The kernel promises nothing
// about them: any byte but NUL may stand in them.
//
// Thread safety: free functions without state.

#ifndef AGENT_EXPORTER_BASE_LABEL_VALUE_H_
#define AGENT_EXPORTER_BASE_LABEL_VALUE_H_

#include <string>
#include <string_view>

namespace agent_exporter::base {

// Makes any bytes a valid UTF-8 label value: broken sequences and NUL become U+FFFD, at most 128 bytes at a
// character's border.
std::string LabelValue(std::string_view raw);

// `raw` in double quotes for a message on a terminal: pure ASCII, everything else escaped as C does it, cut
// after `limit` bytes with "..." behind the quote.
std::string Quoted(std::string_view raw, size_t limit = 160);

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_LABEL_VALUE_H_
