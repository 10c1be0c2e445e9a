// Writes prometheus-cpp metric families to a string, in one of two exposition formats:
//
//   text 0.0.4       read by every Prometheus and by promtool
//   OpenMetrics 1.0  with TYPE, UNIT, Info and # EOF
//
// Both have the same samples. The samples of a counter end in _total (added if missing); OpenMetrics declares
// it without. A gauge whose name ends in _info is declared as an Info. If another family has the shorter
// name, the full name is declared instead (family_groups.h). UNIT is the last word of the name if that is a
// base unit (seconds, bytes, ratio, …). A timestamp is written if the sample has one. Families without
// samples are not written.
//
// Thread safety: free functions without state.

#ifndef AGENT_EXPORTER_FORMATS_FORMATS_H_
#define AGENT_EXPORTER_FORMATS_FORMATS_H_

#include <string>
#include <string_view>
#include <vector>

#include "prometheus/metric_family.h"

namespace agent_exporter::formats {

enum class Format { kText, kOpenMetrics };

// The Content-Type of a format. Prometheus 3 rejects a missing or unknown one.
std::string_view ContentType(Format format);

// Appends to *out. Merges families of the same name under one header, in the order of first appearance.
//
// A bad family is left out, so that one bad collector cannot break the scrape, and its name is added to
// *dropped (may be null). A family is bad if its name or a label name is not legal, its parts have
// conflicting types, its histogram is inconsistent, or an earlier family already uses its names (x_count next
// to a histogram x). If a series has two samples, the first is kept and the family's name is added to
// *dropped too.
void Serialize(Format format, const std::vector<prometheus::MetricFamily>& families, std::string* out,
               std::vector<std::string>* dropped = nullptr);

// Chooses the format for an Accept header by its q-values (RFC 9110 section 12.5.1); text if the header is
// empty or malformed. OpenMetrics needs version 1.0.0 (with or without escaping=…), 0.0.1, or none, as
// Prometheus 2.42 to 3.x send.
Format NegotiateFormat(std::string_view accept);

// True if an Accept-Encoding header allows gzip (q > 0).
bool AcceptsGzip(std::string_view accept_encoding);

// Compresses with gzip at its fastest level. Empty if zlib fails.
std::string Gzip(std::string_view plain);

}  // namespace agent_exporter::formats

#endif  // AGENT_EXPORTER_FORMATS_FORMATS_H_
