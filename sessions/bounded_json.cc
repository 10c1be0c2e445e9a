#include "sessions/bounded_json.h"

#include <cstddef>

namespace agent_exporter::sessions {
namespace {

constexpr size_t kMaxDepth = 64;

// False for more than kMaxDepth levels. Brackets inside strings do not count.
bool IsShallow(std::string_view text) {
  size_t depth = 0;
  bool in_text = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_text) {
      if (c == '\\') ++i;
      in_text = c != '"';
    } else if (c == '"') {
      in_text = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) return false;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return true;
}

}  // namespace

nlohmann::json ParseBoundedJson(std::string_view text) {
  if (!IsShallow(text)) return nlohmann::json(nlohmann::json::value_t::discarded);
  return nlohmann::json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
}

}  // namespace agent_exporter::sessions
