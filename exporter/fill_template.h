// Fills in "{{ .Traits.agent_self.rss_bytes }}": a dotted path between double braces, after the form that
// Go's templates have.
//
// Thread safety: a free function without state.

#ifndef AGENT_EXPORTER_EXPORTER_FILL_TEMPLATE_H_
#define AGENT_EXPORTER_EXPORTER_FILL_TEMPLATE_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace agent_exporter::exporter {

// `text` with every path replaced by what `values` has there: a text or a figure. InvalidArgument "LINE: …"
// for a path that leads to nothing or to an object, and for braces that hold no path.
absl::StatusOr<std::string> FillTemplate(std::string_view text, const nlohmann::ordered_json& values);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_FILL_TEMPLATE_H_
