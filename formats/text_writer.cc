#include "formats/text_writer.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>

#include "absl/strings/ascii.h"

namespace agent_exporter::formats {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Enough for every number written here; the longest has about 25 characters.
constexpr std::size_t kNumberRoom = 64;

template <typename... Args>
void AppendChars(std::string* out, Args... args) {
  char room[kNumberRoom];
  const std::to_chars_result result = std::to_chars(room, room + sizeof(room), args...);
  out->append(room, result.ptr);
}

bool AppendSpecial(double value, std::string* out) {
  if (std::isnan(value)) {
    out->append("NaN");
  } else if (std::isinf(value)) {
    out->append(value > 0 ? "+Inf" : "-Inf");
  } else {
    return false;
  }
  return true;
}

// Length of the UTF-8 sequence at the start of `text`, or 0 if it is not well-formed (Unicode 15, table 3-7:
// no overlong forms, no surrogates, nothing above U+10FFFF).
std::size_t SequenceLength(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto within = [&](std::size_t i, unsigned low, unsigned high) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return within(1, 0x80, 0xBF) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : 0xBF;
    return within(1, low, high) && within(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
    return within(1, low, high) && within(2, 0x80, 0xBF) && within(3, 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}

// True for each byte that is copied unchanged. A table, because escaping is most of the work of a scrape.
using ByteSet = std::array<bool, 256>;

constexpr ByteSet PlainBytes(Escape escape) {
  ByteSet plain = {};
  for (std::size_t byte = 1; byte < 0x80; ++byte) plain[byte] = true;
  plain['\\'] = plain['\n'] = false;
  plain['"'] = escape == Escape::kNewline;
  return plain;
}

constexpr ByteSet kPlainInHelp = PlainBytes(Escape::kNewline);
constexpr ByteSet kPlainInQuotes = PlainBytes(Escape::kNewlineAndQuote);

}  // namespace

bool IsMetricName(std::string_view name) {
  if (name.empty() || absl::ascii_isdigit(static_cast<unsigned char>(name[0]))) return false;
  for (const char c : name) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '_' && c != ':') return false;
  }
  return true;
}

bool IsLabelName(std::string_view name) {
  return IsMetricName(name) && name.find(':') == std::string_view::npos && name.substr(0, 2) != "__";
}

void AppendEscaped(std::string_view text, Escape escape, std::string* out) {
  const ByteSet& plain = escape == Escape::kNewline ? kPlainInHelp : kPlainInQuotes;
  std::size_t i = 0;
  while (i < text.size()) {
    std::size_t end = i;
    while (end < text.size() && plain[static_cast<unsigned char>(text[end])]) ++end;
    out->append(text, i, end - i);
    if (end == text.size()) return;
    i = end;
    switch (text[i]) {
      case '\\':
        out->append("\\\\");
        ++i;
        continue;
      case '\n':
        out->append("\\n");
        ++i;
        continue;
      case '"':
        out->append("\\\"");
        ++i;
        continue;
      case '\0':  // Prometheus' lexer would end there
        out->append(kReplacement);
        ++i;
        continue;
      default:
        break;
    }
    const std::size_t length = SequenceLength(text.substr(i));
    out->append(length == 0 ? kReplacement : text.substr(i, length));
    i += length == 0 ? 1 : length;
  }
}

void AppendNumber(double value, std::string* out) {
  if (AppendSpecial(value, out)) return;
  const double magnitude = std::fabs(value);
  if (magnitude < 9007199254740992.0 &&
      value == std::trunc(value)) {  // 2^53: exact as an integer, and faster
    AppendChars(out, static_cast<std::int64_t>(value));
  } else if (magnitude < 1e21 && value == std::trunc(value)) {
    AppendChars(out, value, std::chars_format::fixed);
  } else {
    AppendChars(out, value);
  }
}

void AppendInteger(std::uint64_t value, std::string* out) { AppendChars(out, value); }

void AppendCanonicalFloat(double value, std::string* out) {
  if (AppendSpecial(value, out)) return;
  const double magnitude = std::fabs(value);
  // The bounds are those of Go's %g at the shortest precision, which Prometheus uses to normalise.
  if (magnitude != 0 && (magnitude < 1e-4 || magnitude >= 1e6)) {
    AppendChars(out, value, std::chars_format::scientific);
    return;
  }
  AppendChars(out, value, std::chars_format::fixed);
  if (value == std::trunc(value)) out->append(".0");
}

void AppendMilliseconds(std::int64_t ms, std::string* out) { AppendChars(out, ms); }

void AppendMillisecondsAsSeconds(std::int64_t ms, std::string* out) {
  if (ms < 0) out->push_back('-');
  // Negated as unsigned, because the smallest int64 has no positive counterpart.
  const std::uint64_t magnitude =
      ms < 0 ? 0 - static_cast<std::uint64_t>(ms) : static_cast<std::uint64_t>(ms);
  AppendChars(out, magnitude / 1000);
  const auto rest = static_cast<int>(magnitude % 1000);
  const char digits[] = {'.', static_cast<char>('0' + rest / 100), static_cast<char>('0' + rest / 10 % 10),
                         static_cast<char>('0' + rest % 10)};
  out->append(digits, sizeof(digits));
}

}  // namespace agent_exporter::formats
