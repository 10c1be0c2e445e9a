// The page at /: HTML, style, scripts and Chart.js out of the program itself. They hold no figures, so they
// are served to anybody; what they show they fetch from the guarded routes with the token the reader gave.
//
// A strict Content-Security-Policy lets only these files run, and nothing inline: a hostile name that reached
// the page as markup would still do nothing. Every file has an ETag, and gzip for those who take it.
//
// Thread safety: the handlers may run on any thread; nothing changes after PageRoutes.

#ifndef AGENT_EXPORTER_SERVE_PAGE_H_
#define AGENT_EXPORTER_SERVE_PAGE_H_

#include <map>
#include <string>
#include <string_view>

#include "http/http_server.h"

namespace agent_exporter::serve {

// A handler for each path: "/" and "/page.css", "/page.js" and so on. The page links `telemetry_path`.
std::map<std::string, http::HttpHandler> PageRoutes(std::string_view telemetry_path);

}  // namespace agent_exporter::serve

#endif  // AGENT_EXPORTER_SERVE_PAGE_H_
