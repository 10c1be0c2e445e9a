#include "exporter/landing_page.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "exporter/options.h"

namespace agent_exporter {
namespace {

std::string Escape(std::string_view text) {
  return absl::StrReplaceAll(std::string(text),
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

}  // namespace

std::string LandingPage(std::string_view telemetry_path) {
  const std::string path = Escape(telemetry_path);
  return absl::StrCat(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" "
      "content=\"width=device-width\">\n<title>agent_exporter</title>\n</head>\n<body>\n"
      "<h1>agent_exporter</h1>\n<p>Watches long-running agents and everything they start.</p>\n<ul>\n"
      "<li><a href=\"",
      path, "\">Metrics</a> (", path,
      ")</li>\n<li><a href=\"/-/healthy\">Healthy</a></li>\n<li><a "
      "href=\"/-/ready\">Ready</a></li>\n</ul>\n<p>",
      Escape(VersionLine()), "</p>\n</body>\n</html>\n");
}

}  // namespace agent_exporter
