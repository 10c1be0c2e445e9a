#include "base/build_info.h"

#include "absl/strings/str_cat.h"
#include "base/version.h"

namespace agent_exporter::base {

BuildInfo GetBuildInfo() { return {kVersion, kRevision, kCompiler}; }

std::string VersionLine() {
  return absl::StrCat("agent_exporter ", kVersion, " (revision ", kRevision, ", ", kCompiler, ")");
}

}  // namespace agent_exporter::base
