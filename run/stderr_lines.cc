#include "run/stderr_lines.h"

#include <algorithm>

#include "base/label_value.h"
#include "re2/re2.h"

namespace agent_exporter::run {
namespace {

constexpr size_t kLongestLine = 400;

// Colours and cursor movements (ECMA-48: ESC [ parameters letter) say nothing in a log; other control bytes
// become blanks.
std::string Plain(std::string_view line) {
  std::string plain;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\x1b' && i + 1 < line.size() && line[i + 1] == '[') {
      i += 2;
      while (i < line.size() && (line[i] < '@' || line[i] > '~')) ++i;
      continue;
    }
    plain += static_cast<unsigned char>(line[i]) < ' ' || line[i] == '\x7f' ? ' ' : line[i];
  }
  const size_t begin = plain.find_first_not_of(' ');
  if (begin == std::string::npos) return "";
  return plain.substr(begin, plain.find_last_not_of(' ') - begin + 1);
}

bool IsDropped(std::string_view line, const StderrFilter& filter) {
  const auto starts = [line](const std::string& text) { return !text.empty() && line.starts_with(text); };
  const auto holds = [line](const std::string& text) {
    return !text.empty() && line.find(text) != std::string_view::npos;
  };
  return std::any_of(filter.prefixes.begin(), filter.prefixes.end(), starts) ||
         std::any_of(filter.substrings.begin(), filter.substrings.end(), holds);
}

// A frame of a native stack; node prints dozens below the line that matters: " 1: 0xb7a3e0 node::Abort()".
bool IsNativeFrame(std::string_view line) {
  const size_t digits = line.find_first_not_of("0123456789");
  return digits != 0 && digits != std::string_view::npos && line.substr(digits).starts_with(": 0x");
}

// LabelValue makes 128 bytes valid UTF-8 at a time.
std::string ValidUtf8(std::string line) {
  if (line.size() > kLongestLine) {
    size_t end = kLongestLine;
    while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;
    line.resize(end);
  }
  std::string valid;
  for (std::string_view rest = line; !rest.empty();) {
    size_t size = std::min<size_t>(rest.size(), 40);
    while (size < rest.size() && size > 37 && (static_cast<unsigned char>(rest[size]) & 0xc0) == 0x80) --size;
    valid += base::LabelValue(rest.substr(0, size));
    rest.remove_prefix(size);
  }
  return valid;
}

}  // namespace

std::vector<std::string> UsefulStderrLines(std::string_view tail, const StderrFilter& filter, bool cut,
                                           size_t limit) {
  std::vector<std::string> lines;
  if (const size_t newline = tail.find('\n'); cut && newline != std::string_view::npos) {
    tail.remove_prefix(newline + 1);
  }
  while (!tail.empty()) {
    const size_t newline = std::min(tail.find('\n'), tail.size());
    const std::string line = Plain(tail.substr(0, newline));
    const bool useful = !line.empty() && !IsNativeFrame(line) && !IsDropped(line, filter);
    if (useful) lines.push_back(ValidUtf8(line));
    tail.remove_prefix(std::min(newline + 1, tail.size()));
  }
  if (lines.size() > limit) lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(limit));
  return lines;
}

// "[7:0x5] 81 ms: Mark-Compact 32.9 (35.2) -> 32.1 (36.4) MB, 12.1 / 0.0 ms …", "Mark-sweep" before V8 11.
std::string HeapLine(std::string_view tail) {
  static const RE2 kCollection(
      R"(.*(Mark-[A-Za-z]+)(?: \(reduce\))? ([0-9.]+) \([0-9.]+\) -> ([0-9.]+) \([0-9.]+\) MB)");
  std::string result, kind, before, after;
  for (size_t end = 0; !tail.empty(); tail.remove_prefix(std::min(end + 1, tail.size()))) {
    end = std::min(tail.find('\n'), tail.size());
    if (RE2::PartialMatch(re2::StringPiece(tail.data(), end), kCollection, &kind, &before, &after)) {
      result = kind + " " + before + " -> " + after + " MB";
    }
  }
  return result;
}

}  // namespace agent_exporter::run
