#include "sessions/json_fields.h"

#include <cmath>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/label_value.h"

namespace agent_exporter::sessions {

using nlohmann::json;

const json* Field(const json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

const json* Field(const json* object, const char* key) {
  return object == nullptr ? nullptr : Field(*object, key);
}

const json* FieldAt(const json& object, const char* outer, const char* inner) {
  return Field(Field(object, outer), inner);
}

std::string_view TextField(const json& object, const char* key) {
  const json* field = Field(object, key);
  return field != nullptr && field->is_string() ? std::string_view(field->get_ref<const std::string&>())
                                                : std::string_view();
}

std::optional<std::string> NameField(const json& object, const char* key) {
  const std::string_view text = TextField(object, key);
  return text.empty() ? std::nullopt : std::optional(base::LabelValue(text));
}

bool TrueField(const json& object, const char* key) {
  const json* field = Field(object, key);
  return field != nullptr && field->is_boolean() && field->get<bool>();
}

std::optional<uint64_t> CountField(const json& object, const char* key, uint64_t most) {
  const json* field = Field(object, key);
  if (field == nullptr || !field->is_number_unsigned() || field->get<uint64_t>() > most) return std::nullopt;
  return field->get<uint64_t>();
}

std::optional<double> NumberField(const json& object, const char* key) {
  const json* field = Field(object, key);
  if (field == nullptr || !field->is_number() || !std::isfinite(field->get<double>())) return std::nullopt;
  return field->get<double>();
}

std::optional<double> TimeOf(std::string_view text) {
  constexpr size_t kLongest = 40;
  absl::Time time;
  if (text.size() > kLongest || text.find('T') == std::string_view::npos ||
      !absl::ParseTime(absl::RFC3339_full, absl::string_view(text.data(), text.size()), &time, nullptr)) {
    return std::nullopt;
  }
  const double seconds = absl::ToDoubleSeconds(time - absl::UnixEpoch());
  return std::isfinite(seconds) && seconds > 0 ? std::optional(seconds) : std::nullopt;
}

std::optional<double> TimeField(const json& object, const char* key) {
  return TimeOf(TextField(object, key));
}

std::string TimeText(double seconds) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::UnixEpoch() + absl::Seconds(std::floor(seconds)),
                          absl::UTCTimeZone());
}

}  // namespace agent_exporter::sessions
