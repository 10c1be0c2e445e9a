// The page's files and the runbooks, embedded at build time.
//
// Thread safety: constant data.

#ifndef AGENT_EXPORTER_WEB_WEB_FILES_H_
#define AGENT_EXPORTER_WEB_WEB_FILES_H_

#include <string_view>
#include <vector>

namespace agent_exporter::web {

struct WebFile {
  std::string_view name;  // "index.html", "runbooks/AgentAbsent.md"
  std::string_view text;
};

const std::vector<WebFile>& WebFiles();

}  // namespace agent_exporter::web

#endif  // AGENT_EXPORTER_WEB_WEB_FILES_H_
