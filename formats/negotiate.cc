// Content negotiation (RFC 9110 sections 12.4.2, 12.5.1, 12.5.3) and gzip, the only encoding.

#include <zlib.h>

#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "formats/formats.h"

namespace agent_exporter::formats {
namespace {

// An element of an Accept or Accept-Encoding list. q is in thousandths, so that ties are exact.
struct Preference {
  absl::string_view value;
  std::optional<absl::string_view> version;
  int q = 1000;
};

// qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] ). Prometheus 3 writes at most one decimal.
std::optional<int> ParseQ(absl::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  int thousandths = (text[0] - '0') * 1000;
  if (text.size() > 1 && text[1] != '.') return std::nullopt;
  int place = 100;
  for (std::size_t i = 2; i < text.size(); ++i, place /= 10) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(text[i]))) return std::nullopt;
    thousandths += (text[i] - '0') * place;
  }
  if (thousandths > 1000) return std::nullopt;
  return thousandths;
}

// Skips elements with a malformed q.
std::vector<Preference> ParseList(std::string_view header_value) {
  // Debian's abseil has a string_view of its own, which std's does not convert to.
  const absl::string_view header(header_value.data(), header_value.size());
  std::vector<Preference> list;
  for (absl::string_view element : absl::StrSplit(header, ',')) {
    const std::vector<absl::string_view> parts = absl::StrSplit(element, ';');
    Preference preference;
    preference.value = absl::StripAsciiWhitespace(parts[0]);
    bool valid = !preference.value.empty();
    for (std::size_t i = 1; i < parts.size(); ++i) {
      const std::pair<absl::string_view, absl::string_view> parameter =
          absl::StrSplit(parts[i], absl::MaxSplits('=', 1));
      const absl::string_view name = absl::StripAsciiWhitespace(parameter.first);
      absl::string_view value = absl::StripAsciiWhitespace(parameter.second);
      if (absl::EqualsIgnoreCase(name, "q")) {
        const std::optional<int> q = ParseQ(value);
        valid = valid && q.has_value();
        preference.q = q.value_or(0);
      } else if (absl::EqualsIgnoreCase(name, "version")) {
        if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
          value = value.substr(1, value.size() - 2);
        }
        preference.version = value;
      }
    }
    if (valid) list.push_back(preference);
  }
  return list;
}

// The q of the most specific range that matches a type (RFC 9110: "the most specific reference has
// precedence").
class Weight {
 public:
  void AddRange(int specificity, int q) {
    if (specificity > specificity_ || (specificity == specificity_ && q > q_)) {
      specificity_ = specificity;
      q_ = q;
    }
  }
  int q() const { return q_; }

 private:
  int specificity_ = 0;
  int q_ = 0;
};

enum Specificity { kAnyType = 1, kAnySubtype, kType };

}  // namespace

std::string_view ContentType(Format format) {
  return format == Format::kOpenMetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                        : "text/plain; version=0.0.4; charset=utf-8";
}

Format NegotiateFormat(std::string_view accept) {
  Weight open_metrics;
  Weight text;
  for (const Preference& range : ParseList(accept)) {
    if (absl::EqualsIgnoreCase(range.value, "application/openmetrics-text")) {
      if (!range.version || *range.version == "1.0.0" || *range.version == "0.0.1") {
        open_metrics.AddRange(kType, range.q);
      }
    } else if (absl::EqualsIgnoreCase(range.value, "application/*")) {
      open_metrics.AddRange(kAnySubtype, range.q);
    } else if (absl::EqualsIgnoreCase(range.value, "text/plain")) {
      if (!range.version || *range.version == "0.0.4") text.AddRange(kType, range.q);
    } else if (absl::EqualsIgnoreCase(range.value, "text/*")) {
      text.AddRange(kAnySubtype, range.q);
    } else if (range.value == "*/*") {
      // Browsers and curl send this, and people read text more easily. So it never selects OpenMetrics.
      text.AddRange(kAnyType, range.q);
    }
  }
  return open_metrics.q() > 0 && open_metrics.q() >= text.q() ? Format::kOpenMetrics : Format::kText;
}

bool AcceptsGzip(std::string_view accept_encoding) {
  Weight gzip;
  for (const Preference& coding : ParseList(accept_encoding)) {
    if (absl::EqualsIgnoreCase(coding.value, "gzip") || absl::EqualsIgnoreCase(coding.value, "x-gzip")) {
      gzip.AddRange(kType, coding.q);
    } else if (coding.value == "*") {
      gzip.AddRange(kAnyType, coding.q);
    }
  }
  return gzip.q() > 0;
}

std::string Gzip(std::string_view plain) {
  if (plain.size() > std::numeric_limits<uInt>::max()) return "";
  z_stream stream = {};
  constexpr int kGzipWrapper = 16;
  constexpr int kMemoryLevel = 8;
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, MAX_WBITS + kGzipWrapper, kMemoryLevel,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return "";
  }
  std::string packed(deflateBound(&stream, plain.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const int result = deflate(&stream, Z_FINISH);
  packed.resize(result == Z_STREAM_END ? stream.total_out : 0);
  deflateEnd(&stream);
  return packed;
}

}  // namespace agent_exporter::formats
