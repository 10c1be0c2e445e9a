#include "http/url_decode.h"

#include <algorithm>
#include <cstddef>

#include "absl/status/status.h"

namespace agent_exporter::http {
namespace {

// -1 if c is not a hex digit.
int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

absl::StatusOr<std::string> Decode(std::string_view encoded, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(encoded.size());
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    if (encoded[i] == '+' && plus_is_space) {
      decoded.push_back(' ');
    } else if (encoded[i] != '%') {
      decoded.push_back(encoded[i]);
    } else {
      const int high = i + 2 < encoded.size() ? HexValue(encoded[i + 1]) : -1;
      const int low = i + 2 < encoded.size() ? HexValue(encoded[i + 2]) : -1;
      if (high < 0 || low < 0) return absl::InvalidArgumentError("% without two hex digits");
      decoded.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  return decoded;
}

}  // namespace

absl::StatusOr<std::string> DecodePath(std::string_view encoded) { return Decode(encoded, false); }

absl::StatusOr<std::vector<std::pair<std::string, std::string>>> DecodeQuery(std::string_view encoded) {
  std::vector<std::pair<std::string, std::string>> query;
  while (!encoded.empty()) {
    const std::string_view piece = encoded.substr(0, encoded.find('&'));
    encoded.remove_prefix(std::min(piece.size() + 1, encoded.size()));
    if (piece.empty()) continue;
    const std::size_t equals = std::min(piece.find('='), piece.size());
    absl::StatusOr<std::string> name = Decode(piece.substr(0, equals), true);
    if (!name.ok()) return name.status();
    absl::StatusOr<std::string> value = Decode(piece.substr(std::min(equals + 1, piece.size())), true);
    if (!value.ok()) return value.status();
    query.emplace_back(*std::move(name), *std::move(value));
  }
  return query;
}

}  // namespace agent_exporter::http
