// Columns of text for a terminal.
//
// Thread safety: pure functions.

#ifndef AGENT_EXPORTER_EXPORTER_TEXT_TABLE_H_
#define AGENT_EXPORTER_EXPORTER_TEXT_TABLE_H_

#include <string>
#include <string_view>
#include <vector>

namespace agent_exporter::exporter {

inline constexpr char kClearScreen[] = "\x1b[H\x1b[2J";  // home, clear

// In characters, not bytes.
size_t TextWidth(std::string_view text);

// Text that may come from a process, for a terminal: each character that a terminal would obey instead of
// showing it (C0 with the newline, DEL, C1, marks that change the direction of text) becomes "?", and so does
// each byte that is no UTF-8.
std::string Printable(std::string_view text);
// The same for a whole JSON text, whose strings have those characters escaped. Newlines stay.
std::string PrintableJson(std::string_view json);

// At most `width` characters; a longer text ends in "…".
std::string Shortened(std::string_view text, size_t width);

// `text` in lines of at most `width` characters, broken at blanks, each after `indent`.
std::string Wrapped(std::string_view text, size_t width, std::string_view indent);

// Lines, one for each row, columns two blanks apart: the first `left` columns aligned to the left, the others
// to the right.
std::vector<std::string> AlignedRows(const std::vector<std::vector<std::string>>& rows, size_t left);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_TEXT_TABLE_H_
