// Strict, allocation-free scanning of the kernel's text formats. Shared by the parsers of this folder only.
//
// A scanner walks over borrowed text. The first mismatch clears ok(); later calls then do nothing, so a
// parser checks once at its end. Numbers are unsigned decimals that fit 64 bits: no sign, no leading blanks.
//
// Thread safety: none.

#ifndef AGENT_EXPORTER_KERNEL_TEXT_SCANNER_H_
#define AGENT_EXPORTER_KERNEL_TEXT_SCANNER_H_

#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>

namespace agent_exporter::kernel {

class TextScanner {
 public:
  explicit TextScanner(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  bool ok() const { return ok_; }
  bool done() const { return at_ == end_; }
  std::string_view rest() const { return {at_, static_cast<size_t>(end_ - at_)}; }

  // Ends the scan, for errors that the caller finds.
  uint64_t Fail() {
    ok_ = false;
    at_ = end_;
    return 0;
  }

  // One decimal number, as far as its digits go.
  uint64_t Number() {
    const char* const begin = at_;
    uint64_t value = 0;
    while (at_ != end_ && *at_ >= '0' && *at_ <= '9') {
      const uint64_t digit = static_cast<uint64_t>(*at_ - '0');
      // 19 digits always fit; only the ones after need the check, which costs a division.
      if (at_ - begin >= 19 && value > (kMax - digit) / 10) return Fail();
      value = value * 10 + digit;
      ++at_;
    }
    return at_ == begin ? Fail() : value;
  }

  // A number that fits T.
  template <typename T>
  T NumberAs() {
    const uint64_t value = Number();
    if (value > static_cast<uint64_t>(std::numeric_limits<T>::max())) Fail();
    return static_cast<T>(value);
  }

  // Exactly this character.
  void Expect(char c) {
    if (at_ == end_ || *at_ != c) {
      Fail();
    } else {
      ++at_;
    }
  }

  void Expect(std::string_view word) {
    if (rest().substr(0, word.size()) != word) {
      Fail();
    } else {
      at_ += word.size();
    }
  }

  // Any one character; '\0' at the end of the text.
  char Any() { return at_ == end_ ? static_cast<char>(Fail()) : *at_++; }

  // At least one blank or tab.
  void Blanks() {
    const char* const begin = at_;
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\t')) ++at_;
    if (at_ == begin) Fail();
  }

  // Goes past the next `count` blanks.
  void SkipFields(int count) {
    // The fields are a few characters each: a call of memchr would cost more than it finds.
    for (; count > 0; --count) {
      while (at_ != end_ && *at_ != ' ') ++at_;
      Expect(' ');
    }
  }

  // The next line without its newline; empty at the end. A last line that lacks its newline was cut: it
  // fails.
  std::optional<std::string_view> Line() {
    if (done()) return std::nullopt;
    const void* newline = std::memchr(at_, '\n', static_cast<size_t>(end_ - at_));
    if (newline == nullptr) {
      Fail();
      return std::nullopt;
    }
    const std::string_view line(at_, static_cast<size_t>(static_cast<const char*>(newline) - at_));
    at_ += line.size() + 1;
    return line;
  }

 private:
  static constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

  const char* at_;
  const char* end_;
  bool ok_ = true;
};

// The bytes of a value "<number> kB", the form of meminfo and status; empty for anything else.
inline std::optional<uint64_t> ParseKilobytes(std::string_view value) {
  TextScanner scan(value);
  scan.Blanks();
  const uint64_t kilobytes = scan.Number();
  scan.Expect(" kB");
  if (!scan.ok() || !scan.done() || kilobytes > std::numeric_limits<uint64_t>::max() / 1024)
    return std::nullopt;
  return kilobytes * 1024;
}

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_TEXT_SCANNER_H_
