// Serves the alerts' runbooks at /runbooks/NAME and NAME.md, and the page at /: HTML, CSS, scripts and
// Chart.js, all embedded in the program. These files contain no data, so they need no token. The page gets
// its data from the guarded routes, with the token that the user enters.
//
// A strict Content-Security-Policy allows only these files and nothing inline, so a hostile process name
// could do nothing even if it reached the page as markup. Every file has an ETag, and is gzipped for clients
// that accept it.
//
// Thread safety: the handlers may run on any thread; nothing changes after PageRoutes.

#ifndef AGENT_EXPORTER_SERVE_PAGE_H_
#define AGENT_EXPORTER_SERVE_PAGE_H_

#include <map>
#include <string>
#include <string_view>

#include "http/http_server.h"

namespace agent_exporter::serve {

// Maps each path ("/", "/page.css", "/page.js", …) to its handler. The page links to `telemetry_path`.
std::map<std::string, http::HttpHandler> PageRoutes(std::string_view telemetry_path);

}  // namespace agent_exporter::serve

#endif  // AGENT_EXPORTER_SERVE_PAGE_H_
