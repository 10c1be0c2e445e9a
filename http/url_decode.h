// Percent-decoding of request targets (RFC 3986 section 2.1, and the WHATWG form encoding for queries).
//
// Thread safety: free functions without state. Errors: InvalidArgument where % is not followed by two hex
// digits.

#ifndef AGENT_EXPORTER_HTTP_URL_DECODE_H_
#define AGENT_EXPORTER_HTTP_URL_DECODE_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace agent_exporter::http {

// Dots are not resolved: no route contains them, so a path that does matches nothing.
absl::StatusOr<std::string> DecodePath(std::string_view encoded);

// "a=1&b=x+y" as pairs in order, + as a space. A name without = has an empty value; empty pieces are skipped.
absl::StatusOr<std::vector<std::pair<std::string, std::string>>> DecodeQuery(std::string_view encoded);

}  // namespace agent_exporter::http

#endif  // AGENT_EXPORTER_HTTP_URL_DECODE_H_
