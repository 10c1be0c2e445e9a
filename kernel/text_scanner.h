// A strict scanner of the kernel's text formats that does not allocate. Private to kernel/.
//
// The first mismatch clears ok(), and later calls do nothing, so a parser checks once at its end. Numbers are
// unsigned decimals that fit 64 bits, without sign or leading blanks. The caller owns the text.
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

  // Fails the scan because of an error that the caller found.
  uint64_t Fail() {
    ok_ = false;
    at_ = end_;
    return 0;
  }

  // One decimal number; ends at the first character that is not a digit.
  uint64_t Number() {
    const char* const begin = at_;
    uint64_t value = 0;
    while (at_ != end_ && *at_ >= '0' && *at_ <= '9') {
      const uint64_t digit = static_cast<uint64_t>(*at_ - '0');
      // 19 digits always fit; only further digits need the check, which costs a division.
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

  // Skips past the next `count` blanks.
  void SkipFields(int count) {
    // Fields have a few characters, so calling memchr would be slower.
    for (; count > 0; --count) {
      while (at_ != end_ && *at_ != ' ') ++at_;
      Expect(' ');
    }
  }

  // The next line without its newline; empty at the end. Fails if the last line has no newline, because then
  // the text was truncated.
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
