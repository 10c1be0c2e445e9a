// Writes and reads values as bytes, for our own files: little-endian and of fixed width on every machine. The
// callers define the format; a file begins with its version.
//
// Thread safety: none.

#ifndef AGENT_EXPORTER_BASE_BYTES_H_
#define AGENT_EXPORTER_BASE_BYTES_H_

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace agent_exporter::base {

class ByteWriter {
 public:
  void U8(uint8_t value) { Put(value, 1); }
  void U16(uint16_t value) { Put(value, 2); }
  void U32(uint32_t value) { Put(value, 4); }
  void U64(uint64_t value) { Put(value, 8); }
  void I64(int64_t value) { U64(static_cast<uint64_t>(value)); }
  void F32(float value) { U32(std::bit_cast<uint32_t>(value)); }
  void F64(double value) { U64(std::bit_cast<uint64_t>(value)); }
  void Text(std::string_view text) {
    U32(static_cast<uint32_t>(text.size()));
    bytes_ += text;
  }
  void Raw(std::string_view bytes) { bytes_ += bytes; }

  const std::string& bytes() const { return bytes_; }

 private:
  void Put(uint64_t value, int size) {
    for (int i = 0; i < size; ++i) bytes_ += static_cast<char>(value >> (8 * i) & 0xff);
  }

  std::string bytes_;
};

// Reads beyond the end return 0 and clear ok().
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  uint8_t U8() { return static_cast<uint8_t>(Take(1)); }
  uint16_t U16() { return static_cast<uint16_t>(Take(2)); }
  uint32_t U32() { return static_cast<uint32_t>(Take(4)); }
  uint64_t U64() { return Take(8); }
  int64_t I64() { return static_cast<int64_t>(U64()); }
  float F32() { return std::bit_cast<float>(U32()); }
  double F64() { return std::bit_cast<double>(U64()); }
  std::string Text() {
    const uint32_t size = U32();
    ok_ = ok_ && size <= rest_.size();
    if (!ok_) return "";
    std::string text(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return text;
  }

  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }

 private:
  uint64_t Take(size_t size) {
    ok_ = ok_ && size <= rest_.size();
    if (!ok_) return 0;
    uint64_t value = 0;
    for (size_t i = 0; i < size; ++i) value |= uint64_t{static_cast<unsigned char>(rest_[i])} << (8 * i);
    rest_.remove_prefix(size);
    return value;
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_BYTES_H_
