#include "exporter/text_table.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace agent_exporter::exporter {
namespace {

bool StartsCharacter(char c) { return (c & 0xC0) != 0x80; }

}  // namespace

size_t TextWidth(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), StartsCharacter));
}

std::string Printable(std::string text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f) text[i] = '?';
    // U+0080 to U+009F in UTF-8: U+009B begins a control sequence as ESC [ does.
    const bool c1 = byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (c1) text.replace(i, 2, "?");
  }
  return text;
}

std::string Shortened(std::string_view text, size_t width) {
  if (TextWidth(text) <= width) return std::string(text);
  size_t bytes = 0;
  for (size_t characters = 0; bytes < text.size(); ++bytes) {
    characters += StartsCharacter(text[bytes]) ? 1 : 0;
    if (characters == width) break;
  }
  return std::string(text.substr(0, bytes)) + "…";
}

std::string Wrapped(std::string_view text, size_t width, std::string_view indent) {
  std::string lines, line;
  const auto flush = [&] { lines += std::string(indent) + line + "\n"; };
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.empty() && TextWidth(indent) + TextWidth(line) + 1 + TextWidth(word) > width) {
      flush();
      line.clear();
    }
    line += (line.empty() ? "" : " ") + std::string(word);
  }
  if (!line.empty()) flush();
  return lines;
}

std::vector<std::string> AlignedRows(const std::vector<std::vector<std::string>>& rows, size_t left) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], TextWidth(row[i]));
  }
  std::vector<std::string> lines;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - TextWidth(row[i]), ' ');
      absl::StrAppend(&line, i == 0 ? "" : "  ", i < left ? row[i] : padding, i < left ? padding : row[i]);
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace agent_exporter::exporter
