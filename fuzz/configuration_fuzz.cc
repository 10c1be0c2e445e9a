// Fuzz target: the configuration and the web configuration. Their owner writes them, but by hand or with a
// template, and a reload must survive any mistake.

#include <string>
#include <string_view>

#include "exporter/config.h"
#include "exporter/web_config.h"
#include "fuzz/targets.h"

namespace agent_exporter::fuzz {

void FuzzConfiguration(std::string_view data) {
  for (const absl::Status& status :
       {exporter::ParseConfig(data, "f").status(), exporter::ParseWebConfig(data, "f").status()}) {
    Require(status.ok() || status.message().find("f:") == 0, "an error does not name the file");
  }
}

}  // namespace agent_exporter::fuzz
