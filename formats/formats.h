// The two exposition formats over prometheus-cpp's MetricFamily, written straight into a string.
//
//   text 0.0.4       what every Prometheus and promtool reads
//   OpenMetrics 1.0  with TYPE, UNIT, Info and # EOF
//
// Both carry the same samples. A counter's samples end in _total (added where missing) and OpenMetrics
// declares it without; a gauge whose name ends in _info is declared as an Info; where the shorter name
// belongs to another family the full one is declared instead (family_groups.h). UNIT is taken from the name's
// last word where that is a base unit (seconds, bytes, ratio, …). Time stamps are written where a sample has
// one. A family without samples is not written.
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

// The Content-Type that goes with a format; Prometheus 3 refuses a missing or unknown one.
std::string_view ContentType(Format format);

// Appends to *out. Families of the same name are merged under one header, in the order of first appearance.
// So that one bad collector cannot break the scrape, these are left out and their name put into *dropped (may
// be null): a family whose name or label name is not legal, whose parts have conflicting types, whose
// histogram contradicts itself, or that would use the names of an earlier one (x_count beside a histogram x).
// Of two samples of one series the first stays, and the family's name is in *dropped too.
void Serialize(Format format, const std::vector<prometheus::MetricFamily>& families, std::string* out,
               std::vector<std::string>* dropped = nullptr);

// Which format an Accept header asks for, by q-values (RFC 9110 section 12.5.1). Empty or unintelligible:
// text. OpenMetrics is given for version 1.0.0 (with or without escaping=…) and 0.0.1, as Prometheus 2.42
// to 3.x send.
Format NegotiateFormat(std::string_view accept);

// True when an Accept-Encoding header allows gzip (q > 0).
bool AcceptsGzip(std::string_view accept_encoding);

// gzip at a fast level; empty on failure of zlib.
std::string Gzip(std::string_view plain);

}  // namespace agent_exporter::formats

#endif  // AGENT_EXPORTER_FORMATS_FORMATS_H_
