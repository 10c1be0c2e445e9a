// Fills in "{{ .Traits.agent_self.rss_bytes }}": dotted paths between double braces, as in Go templates.
//
// Thread safety: a free function without state.

#ifndef AGENT_EXPORTER_EXPORTER_FILL_TEMPLATE_H_
#define AGENT_EXPORTER_EXPORTER_FILL_TEMPLATE_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace agent_exporter::exporter {

// `text` with every path replaced by its value, a text or a number. InvalidArgument "LINE: …" if a path has
// no value or leads to an object, or if braces hold no path.
absl::StatusOr<std::string> FillTemplate(std::string_view text, const nlohmann::ordered_json& values);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_FILL_TEMPLATE_H_
