#include "snapshot/diff_event.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace agent_exporter::snapshot {
namespace {

// The kernel takes 128 KiB for one variable and a few MiB for all (execve(2)); the JSON has every field.
constexpr size_t kMaxFieldsText = 32 << 10;

std::string FieldsText(const nlohmann::json& fields) {
  std::string text;
  for (const nlohmann::json& field : fields) {
    if (!field.is_string()) continue;
    const std::string& name = field.get_ref<const std::string&>();
    if (text.size() + name.size() + 1 > kMaxFieldsText) break;
    absl::StrAppend(&text, text.empty() ? "" : ",", name);
  }
  return text;
}

}  // namespace

hooks::HookEvent DiffEvent(const std::string& agent, const nlohmann::json& diff,
                           const nlohmann::json& snapshot) {
  hooks::HookEvent event{.on = kOnDiff, .agent = agent, .timestamp = diff.at("timestamp")};
  event.details = {{"diff_fields", diff.at("diff_fields")}, {"snapshot", snapshot}};
  event.environment.emplace_back("AGENT_EXPORTER_DIFF_FIELDS", FieldsText(diff.at("diff_fields")));
  return event;
}

}  // namespace agent_exporter::snapshot
