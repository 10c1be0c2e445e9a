// Writes a configuration of ours from one of process-exporter.
//
// Thread safety: a free function without state.

#ifndef AGENT_EXPORTER_COMPAT_IMPORT_H_
#define AGENT_EXPORTER_COMPAT_IMPORT_H_

#include <string>
#include <string_view>

#include "compat/group_rules.h"

namespace agent_exporter::compat {

// YAML of the key `agents`. A comment stands where a rule means something else than it did. `file` is the
// name of the imported file.
std::string OurConfiguration(const GroupRules& rules, std::string_view file);

}  // namespace agent_exporter::compat

#endif  // AGENT_EXPORTER_COMPAT_IMPORT_H_
