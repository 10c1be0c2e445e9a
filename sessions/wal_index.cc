#include "sessions/wal_index.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/status/statusor.h"
#include "base/errno_status.h"

namespace agent_exporter::sessions {
namespace {

constexpr uint32_t kMagic = 0x377f0682;  // the last bit: checksums are of big-endian words
constexpr uint32_t kVersion = 3007000;
constexpr size_t kMostPages = 200'000;

uint32_t BigEndian(const char* bytes) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

uint32_t LittleEndian(const char* bytes) { return __builtin_bswap32(BigEndian(bytes)); }

bool IsPageSize(uint32_t size) { return size >= 512 && size <= 65536 && (size & (size - 1)) == 0; }

// "" at the end of the file.
absl::StatusOr<std::string> ReadWhole(const base::OpenFile& file, uint64_t offset, size_t size) {
  std::string text(size, '\0');
  ssize_t got = -1;
  do {
    got = ::pread(file.descriptor.get(), text.data(), size, static_cast<off_t>(offset));
  } while (got < 0 && errno == EINTR);
  if (got < 0) return base::ErrnoStatus(errno, "reading a write-ahead log");
  return static_cast<size_t>(got) == size ? text : "";
}

}  // namespace

absl::Status WalIndex::Follow(const base::OpenFile& wal, uint64_t* bytes) {
  at_end_ = false;
  const auto header = ReadWhole(wal, 0, kHeader);
  if (!header.ok()) return header.status();
  if (*header != header_ && !Begin(*header)) {
    Clear();
    at_end_ = true;  // empty, or about to begin: all is in the database
    return absl::OkStatus();
  }
  const size_t size = kFrameHeader + page_size_;
  while (*bytes > 0) {
    const auto frame = ReadWhole(wal, scan_.offset, size);
    if (!frame.ok()) return frame.status();
    *bytes -= std::min<uint64_t>(*bytes, size);
    if (frame->empty() || !TakeFrame(*frame)) {
      // What is not committed may be written over.
      scan_ = committed_;
      pending_.clear();
      at_end_ = true;
      return absl::OkStatus();
    }
    if (pages_.size() + pending_.size() > kMostPages) {
      Clear();
      return absl::ResourceExhaustedError("a write-ahead log of too many pages");
    }
  }
  return absl::OkStatus();
}

bool WalIndex::Begin(const std::string& header) {
  Clear();
  if (header.empty() || (BigEndian(header.data()) & ~1u) != kMagic ||
      BigEndian(header.data() + 4) != kVersion || !IsPageSize(BigEndian(header.data() + 8))) {
    return false;
  }
  big_endian_ = (BigEndian(header.data()) & 1) != 0;
  std::array<uint32_t, 2> sum = {};
  AddToSum(header.data(), kFrameHeader, &sum);
  if (sum[0] != BigEndian(header.data() + 24) || sum[1] != BigEndian(header.data() + 28)) return false;
  header_ = header;
  page_size_ = BigEndian(header.data() + 8);
  scan_.sum = committed_.sum = sum;
  return true;
}

bool WalIndex::TakeFrame(const std::string& frame) {
  const uint32_t page = BigEndian(frame.data()), database_pages = BigEndian(frame.data() + 4);
  // Frames of an earlier log stay behind in the file: the salt of its header is another one.
  if (page == 0 || std::memcmp(frame.data() + 8, header_.data() + 16, 8) != 0) return false;
  std::array<uint32_t, 2> sum = scan_.sum;
  AddToSum(frame.data(), 8, &sum);
  AddToSum(frame.data() + kFrameHeader, page_size_, &sum);
  if (sum[0] != BigEndian(frame.data() + 16) || sum[1] != BigEndian(frame.data() + 20)) return false;
  pending_.emplace_back(page, scan_.offset + kFrameHeader);
  scan_ = {scan_.offset + frame.size(), sum};
  if (database_pages == 0) return true;
  for (const auto& [number, offset] : pending_) pages_[number] = offset;
  pending_.clear();
  database_pages_ = database_pages;
  committed_ = scan_;
  return true;
}

void WalIndex::AddToSum(const char* bytes, size_t size, std::array<uint32_t, 2>* sum) const {
  auto& [first, second] = *sum;
  for (const char* at = bytes; at < bytes + size; at += 8) {
    first += (big_endian_ ? BigEndian(at) : LittleEndian(at)) + second;
    second += (big_endian_ ? BigEndian(at + 4) : LittleEndian(at + 4)) + first;
  }
}

bool WalIndex::BeganAgain(const base::OpenFile& wal) const {
  const auto header = ReadWhole(wal, 0, kHeader);
  return !header.ok() || (!header_.empty() && *header != header_);
}

std::optional<uint64_t> WalIndex::Find(uint32_t page) const {
  const auto found = pages_.find(page);
  return found == pages_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace agent_exporter::sessions
