// The plain page at /: where the metrics are.
//
// Thread safety: a free function.

#ifndef AGENT_EXPORTER_EXPORTER_LANDING_PAGE_H_
#define AGENT_EXPORTER_EXPORTER_LANDING_PAGE_H_

#include <string>
#include <string_view>

namespace agent_exporter {

// HTML; `telemetry_path` is escaped.
std::string LandingPage(std::string_view telemetry_path);

}  // namespace agent_exporter

#endif  // AGENT_EXPORTER_EXPORTER_LANDING_PAGE_H_
