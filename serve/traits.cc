#include "serve/traits.h"

#include <cstdint>
#include <utility>

#include "base/json_path.h"

namespace agent_exporter::serve {

nlohmann::ordered_json TraitsOf(const nlohmann::ordered_json& summary) {
  nlohmann::ordered_json traits;
  for (const char* key : {"agent", "kind", "slot"}) {
    if (summary.contains(key)) traits[key] = summary[key];
  }
  constexpr std::pair<const char*, const char*> kSelf[] = {{"rss_bytes", "self.resident_memory_bytes"},
                                                           {"vsz_bytes", "self.virtual_memory_bytes"},
                                                           {"threads", "self.threads"},
                                                           {"open_fds", "self.open_fds"},
                                                           {"descendants", "children"},
                                                           {"descendant_open_fds", "children_open_fds"}};
  nlohmann::ordered_json& self = traits["agent_self"] = nlohmann::ordered_json::object();
  for (const auto& [key, path] : kSelf) {
    if (const nlohmann::ordered_json* value = base::AtPath(summary, path)) self[key] = *value;
  }
  if (summary.contains("uptime_seconds")) {
    self["uptime_secs"] = static_cast<uint64_t>(summary["uptime_seconds"].get<double>());
  }
  return traits;
}

}  // namespace agent_exporter::serve
