// `agent_exporter check-config FILE`.

#include "exporter/commands.h"
#include "exporter/config.h"

namespace agent_exporter::exporter {

int RunCheckConfig(const Options& options, std::ostream& out, std::ostream& err) {
  auto config = LoadConfig(options.check_file);
  if (!config.ok()) return Fail(config.status(), err);
  size_t own = 0;
  for (const agents::Rule& rule : config->rules.rules()) own += rule.built_in ? 0 : 1;
  const size_t built_in = config->rules.rules().size() - own;
  out << options.check_file << ": OK, " << own << (own == 1 ? " rule" : " rules") << " of your own and "
      << built_in << " built-in\n";
  return 0;
}

}  // namespace agent_exporter::exporter
