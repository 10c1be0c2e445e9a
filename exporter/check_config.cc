// `agent_exporter check-config FILE`: every error of a configuration file, or of a web configuration file.

#include <yaml-cpp/yaml.h>

#include "base/user_file.h"
#include "exporter/commands.h"
#include "exporter/config.h"
#include "exporter/web_config.h"

namespace agent_exporter::exporter {
namespace {

// Recognises a web configuration by the keys that only it has. exporter-toolkit's third key is among them, so
// that the error names it.
bool IsWebConfig(const std::string& text) {
  try {
    const YAML::Node root = YAML::Load(text);
    if (!root.IsMap()) return false;
    for (const char* key : {"tls_server_config", "basic_auth_users", "http_server_config"}) {
      if (root[key].IsDefined()) return true;
    }
  } catch (const YAML::Exception&) {
    // The real reader reports the error.
  }
  return false;
}

}  // namespace

int RunCheckConfig(const Options& options, std::ostream& out, std::ostream& err) {
  const std::string& file = options.check_file;
  auto text = base::ReadUserFile("the configuration file", file);
  if (!text.ok()) return Fail(text.status(), err);
  if (IsWebConfig(*text)) {
    auto web = ParseWebConfig(*text, file);
    if (!web.ok()) return Fail(web.status(), err);
    out << file << ": OK, a web configuration, " << (web->tls ? "with" : "without") << " TLS, "
        << web->users.size() << (web->users.size() == 1 ? " user" : " users") << "\n";
    return 0;
  }
  auto config = ParseConfig(*text, file);
  if (!config.ok()) return Fail(config.status(), err);
  size_t own = 0;
  for (const agents::Rule& rule : config->rules.rules()) own += rule.built_in ? 0 : 1;
  const size_t built_in = config->rules.rules().size() - own;
  out << file << ": OK, " << own << (own == 1 ? " rule" : " rules") << " of your own and " << built_in
      << " built-in\n";
  return 0;
}

}  // namespace agent_exporter::exporter
