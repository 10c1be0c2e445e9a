// `agent_exporter import-process-exporter FILE`: prints our configuration for process-exporter's.

#include "compat/import.h"
#include "exporter/commands.h"

namespace agent_exporter::exporter {

int RunImport(const Options& options, std::ostream& out, std::ostream& err) {
  const auto rules = compat::GroupRules::Load(options.import_file);
  if (!rules.ok()) return Fail(rules.status(), err);
  out << compat::OurConfiguration(*rules, options.import_file);
  return 0;
}

}  // namespace agent_exporter::exporter
