#include "base/label_value.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace agent_exporter::base {
namespace {

constexpr size_t kMaxBytes = 128;
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

struct Sequence {
  size_t bytes;  // length of the character, or of the broken prefix to replace
  bool valid;
};

// The first character of `s`, by table 3-7 of the Unicode standard (no surrogates, no overlong forms). A
// broken sequence ends before the first byte that cannot belong to it, so the text after it is kept.
Sequence FirstCharacter(std::string_view s) {
  const auto byte = [&s](size_t i) { return static_cast<unsigned char>(s[i]); };
  const unsigned char lead = byte(0);
  if (lead == 0) return {1, false};
  if (lead < 0x80) return {1, true};
  if (lead < 0xC2 || lead > 0xF4) return {1, false};
  const size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  if (lead == 0xE0) low = 0xA0;
  if (lead == 0xED) high = 0x9F;
  if (lead == 0xF0) low = 0x90;
  if (lead == 0xF4) high = 0x8F;
  for (size_t i = 1; i < length; ++i) {
    if (i >= s.size() || byte(i) < low || byte(i) > high) return {i, false};
    low = 0x80;
    high = 0xBF;
  }
  return {length, true};
}

}  // namespace

std::string LabelValue(std::string_view raw) {
  std::string value;
  while (!raw.empty()) {
    const Sequence next = FirstCharacter(raw);
    const std::string_view shown = next.valid ? raw.substr(0, next.bytes) : kReplacement;
    if (value.size() + shown.size() > kMaxBytes) break;
    value += shown;
    raw.remove_prefix(next.bytes);
  }
  return value;
}

std::string Quoted(std::string_view raw, size_t limit) {
  return absl::StrCat("\"", absl::CHexEscape(std::string(raw.substr(0, limit))), "\"",
                      raw.size() > limit ? "..." : "");
}

}  // namespace agent_exporter::base
