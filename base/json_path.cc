#include "base/json_path.h"

#include <algorithm>
#include <string>

namespace agent_exporter::base {

using Json = nlohmann::ordered_json;

const Json* AtPath(const Json& json, std::string_view path) {
  const Json* at = &json;
  while (!path.empty()) {
    const size_t dot = std::min(path.find('.'), path.size());
    const auto found = at->is_object() ? at->find(std::string(path.substr(0, dot))) : at->end();
    if (found == at->end()) return nullptr;
    at = &*found;
    path.remove_prefix(std::min(dot + 1, path.size()));
  }
  return at;
}

Json Terse(const Json& json, std::initializer_list<std::string_view> paths) {
  Json terse = Json::object();
  for (const std::string_view path : paths) {
    const Json* value = AtPath(json, path);
    terse[std::string(path)] = value == nullptr ? Json(nullptr) : *value;
  }
  return terse;
}

}  // namespace agent_exporter::base
