#include "exporter/text_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace agent_exporter::exporter {
namespace {

bool StartsCharacter(char c) { return (c & 0xC0) != 0x80; }

// The bytes of the first character of UTF-8. (A byte that begins none is one by itself.)
size_t FirstCharacter(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const size_t whole = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
  size_t size = 1;
  while (size < whole && size < text.size() && !StartsCharacter(text[size])) ++size;
  return size;
}

// False for what a terminal obeys instead of showing it: C0, DEL, C1, and the marks, embeddings and isolates
// that change the direction of text. False for a byte that is no character too: as Latin-1 it may be in C1.
bool MayShow(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first >= 0x20 && first < 0x7f;
  const auto second = static_cast<unsigned char>(character[1]);
  if (first == 0xC2) return second >= 0xA0;
  if (first == 0xD8) return second != 0x9C;
  if (first != 0xE2 || character.size() != 3) return true;
  const auto third = static_cast<unsigned char>(character[2]);
  if (second == 0x80) return third != 0x8E && third != 0x8F && (third < 0xA8 || third > 0xAE);
  return second != 0x81 || third < 0xA6 || third > 0xA9;
}

// Of a character of up to three bytes, as all are that may not be shown. (The dump of JSON is valid UTF-8.)
unsigned CodePoint(std::string_view character) {
  unsigned code = static_cast<unsigned char>(character[0]) & (0xFFU >> character.size());
  for (const char c : character.substr(1)) code = code << 6 | (static_cast<unsigned char>(c) & 0x3FU);
  return code;
}

template <typename Instead>
std::string Replaced(std::string_view text, Instead instead) {
  std::string shown;
  while (!text.empty()) {
    const std::string_view character = text.substr(0, FirstCharacter(text));
    text.remove_prefix(character.size());
    if (MayShow(character)) {
      shown += character;
    } else {
      shown += instead(character);
    }
  }
  return shown;
}

}  // namespace

size_t TextWidth(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), StartsCharacter));
}

std::string Printable(std::string_view text) {
  return Replaced(text, [](std::string_view) { return "?"; });
}

std::string PrintableJson(std::string_view json) {
  return Replaced(json, [](std::string_view character) {
    return character == "\n" ? "\n" : fmt::format("\\u{:04x}", CodePoint(character));
  });
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
