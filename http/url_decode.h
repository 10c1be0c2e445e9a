// Decodes request targets: percent-encoding (RFC 3986 section 2.1), and WHATWG form encoding for queries.
//
// Thread safety: free functions without state. Errors: InvalidArgument if % is not followed by two hex
// digits.

#ifndef AGENT_EXPORTER_HTTP_URL_DECODE_H_
#define AGENT_EXPORTER_HTTP_URL_DECODE_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace agent_exporter::http {

// Does not resolve dots: no route contains any, so a path with dots matches nothing.
absl::StatusOr<std::string> DecodePath(std::string_view encoded);

// Splits "a=1&b=x+y" into pairs, in order; + means a space. A name without = has an empty value; empty parts
// are skipped.
absl::StatusOr<std::vector<std::pair<std::string, std::string>>> DecodeQuery(std::string_view encoded);

}  // namespace agent_exporter::http

#endif  // AGENT_EXPORTER_HTTP_URL_DECODE_H_
