// Takes fields out of JSON that anybody may have written. A field of another type is a missing one.
//
// Thread safety: free functions without state.

#ifndef AGENT_EXPORTER_SESSIONS_JSON_FIELDS_H_
#define AGENT_EXPORTER_SESSIONS_JSON_FIELDS_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace agent_exporter::sessions {

// More tokens than any session uses; a bigger number is no count.
inline constexpr uint64_t kMostTokens = 1'000'000'000'000;

// Null if `object` is no object or has no such member.
const nlohmann::json* Field(const nlohmann::json& object, const char* key);
const nlohmann::json* Field(const nlohmann::json* object, const char* key);
// A member of a member.
const nlohmann::json* FieldAt(const nlohmann::json& object, const char* outer, const char* inner);

// "" if it is no string.
std::string_view TextField(const nlohmann::json& object, const char* key);
// Fit to be shown; empty if it is no string or an empty one.
std::optional<std::string> NameField(const nlohmann::json& object, const char* key);
bool TrueField(const nlohmann::json& object, const char* key);
// Empty unless it is a whole number from 0 to `most`.
std::optional<uint64_t> CountField(const nlohmann::json& object, const char* key,
                                   uint64_t most = kMostTokens);
std::optional<double> NumberField(const nlohmann::json& object, const char* key);

// Seconds since the epoch of "2026-01-23T17:13:37.849Z", or the same with an offset.
std::optional<double> TimeOf(std::string_view text);
std::optional<double> TimeField(const nlohmann::json& object, const char* key);
// The other way round, in UTC with seconds.
std::string TimeText(double seconds);

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_JSON_FIELDS_H_
