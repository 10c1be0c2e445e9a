// Version, revision and compiler of this build.
//
// Thread safety: pure functions.

#ifndef AGENT_EXPORTER_BASE_BUILD_INFO_H_
#define AGENT_EXPORTER_BASE_BUILD_INFO_H_

#include <string>

namespace agent_exporter::base {

// The labels of agent_exporter_build_info.
struct BuildInfo {
  std::string version, revision, compiler;
};
BuildInfo GetBuildInfo();

// What --version prints.
std::string VersionLine();

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_BUILD_INFO_H_
