#include "exporter/fill_template.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/json_path.h"
#include "base/label_value.h"
#include "exporter/text_table.h"

namespace agent_exporter::exporter {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kOpen = "{{", kClose = "}}";

absl::StatusOr<std::string> ValueOf(std::string_view action, const Json& values) {
  const std::string path(absl::StripAsciiWhitespace(absl::string_view(action.data(), action.size())));
  if (path.size() < 2 || path[0] != '.') {
    return absl::InvalidArgumentError(
        absl::StrCat("{{", path, "}} is no path such as {{ .Traits.agent_self.rss_bytes }}"));
  }
  const Json* value = base::AtPath(values, std::string_view(path).substr(1));
  if (value == nullptr || value->is_null()) {
    return absl::InvalidArgumentError(absl::StrCat(
        base::Quoted(path), " is unknown, or could not be read; agent_exporter traits prints all paths"));
  }
  if (value->is_string()) return Printable(value->get<std::string>());
  if (value->is_structured()) {
    return absl::InvalidArgumentError(absl::StrCat(base::Quoted(path), " is no single value"));
  }
  return value->dump();
}

}  // namespace

absl::StatusOr<std::string> FillTemplate(std::string_view text, const Json& values) {
  std::string filled;
  const auto error = [&text](size_t at, std::string_view why) {
    return absl::InvalidArgumentError(
        absl::StrCat(1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'), ": ",
                     absl::string_view(why.data(), why.size())));
  };
  size_t at = 0;
  for (size_t open; (open = text.find(kOpen, at)) != std::string_view::npos;) {
    filled += text.substr(at, open - at);
    const size_t inside = open + kOpen.size();
    const size_t close = text.find(kClose, inside);
    if (close == std::string_view::npos) return error(open, "{{ is never closed by }}");
    const auto value = ValueOf(text.substr(inside, close - inside), values);
    if (!value.ok()) return error(open, std::string(value.status().message()));
    filled += *value;
    at = close + kClose.size();
  }
  filled += text.substr(at);
  return filled;
}

}  // namespace agent_exporter::exporter
