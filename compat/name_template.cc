#include "compat/name_template.h"

#include <algorithm>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "base/label_value.h"

namespace agent_exporter::compat {
namespace {

using Field = NameTemplate::Field;
using Part = NameTemplate::Part;

std::optional<Field> SimpleField(absl::string_view name) {
  if (name == ".Comm") return Field::kComm;
  if (name == ".ExeBase") return Field::kExeBase;
  if (name == ".ExeFull") return Field::kExeFull;
  if (name == ".Username") return Field::kUser;
  if (name == ".PID") return Field::kPid;
  if (name == ".StartTime") return Field::kStartTime;
  if (name == ".Cgroups") return Field::kCgroups;
  return std::nullopt;
}

absl::Status NotUnderstood(absl::string_view action) {
  return absl::InvalidArgumentError(absl::StrCat(
      "{{", action,
      "}} is not understood; use .Comm, .ExeBase, .ExeFull, .Username, .PID, .StartTime, .Cgroups, "
      ".Matches.NAME or index .Cgroups N"));
}

absl::StatusOr<Part> ParseAction(absl::string_view action) {
  const std::vector<absl::string_view> words =
      absl::StrSplit(action, absl::ByAnyChar(" \t"), absl::SkipEmpty());
  if (words.size() == 1) {
    if (const auto field = SimpleField(words[0])) return Part{*field, "", 0};
    absl::string_view name = words[0];
    if (absl::ConsumePrefix(&name, ".Matches.") && !name.empty()) {
      return Part{Field::kMatch, std::string(name), 0};
    }
  }
  if (words.size() == 3 && words[0] == "index") {
    Part part;
    if (words[1] == ".Cgroups" && absl::SimpleAtoi(words[2], &part.index)) {
      part.field = Field::kCgroup;
      return part;
    }
    absl::string_view name = words[2];
    if (words[1] == ".Matches" && absl::ConsumePrefix(&name, "\"") && absl::ConsumeSuffix(&name, "\"")) {
      return Part{Field::kMatch, std::string(name), 0};
    }
  }
  return NotUnderstood(action);
}

// As Go prints a time.Time in UTC: as many decimals as it has.
std::string GoTime(int64_t ms) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%E*S +0000 UTC", absl::FromUnixMillis(ms), absl::UTCTimeZone());
}

std::string Value(const Part& part, const ProcessAttributes& process, const NamedCaptures& captures) {
  switch (part.field) {
    case Field::kLiteral:
      return part.text;
    case Field::kComm:
      return process.comm;
    case Field::kExeBase:
      return process.exe_base();
    case Field::kExeFull:
      return process.exe_full();
    case Field::kUser:
      return process.user;
    case Field::kPid:
      return absl::StrCat(process.pid);
    case Field::kStartTime:
      return GoTime(process.start_ms);
    case Field::kCgroups:
      return absl::StrCat("[", absl::StrJoin(process.cgroups, " "), "]");
    case Field::kCgroup:  // Go ends the name at an index out of range
      return part.index < process.cgroups.size() ? process.cgroups[part.index] : "";
    case Field::kMatch: {
      const auto found = captures.find(part.text);
      return found == captures.end() ? "<no value>" : found->second;
    }
  }
  return "";
}

}  // namespace

std::string ProcessAttributes::exe_base() const {
  // As Go's filepath.Base: trailing slashes do not count.
  std::string_view path = exe_full();
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  if (path == "/" || path.find('/') == std::string_view::npos) return std::string(path);
  return std::string(path.substr(path.rfind('/') + 1));
}

absl::StatusOr<NameTemplate> NameTemplate::Parse(std::string_view given) {
  absl::string_view text(given.data(), given.size());
  NameTemplate result;
  bool trim_next = false;
  while (!text.empty()) {
    const size_t open = text.find("{{");
    absl::string_view literal = text.substr(0, open);
    if (trim_next) literal = absl::StripLeadingAsciiWhitespace(literal);
    absl::string_view action;
    if (open != absl::string_view::npos) {
      const size_t close = text.find("}}", open);
      if (close == absl::string_view::npos) {
        return absl::InvalidArgumentError("{{ has no }}; close it");
      }
      action = text.substr(open + 2, close - open - 2);
      text.remove_prefix(close + 2);
      if (absl::StartsWith(action, "- ")) {
        literal = absl::StripTrailingAsciiWhitespace(literal);
        action.remove_prefix(2);
      }
      trim_next = absl::ConsumeSuffix(&action, " -");
    } else {
      text = {};
    }
    if (!literal.empty()) result.parts_.push_back({Field::kLiteral, std::string(literal), 0});
    if (open == absl::string_view::npos) break;
    auto part = ParseAction(absl::StripAsciiWhitespace(action));
    if (!part.ok()) return part.status();
    result.parts_.push_back(*std::move(part));
  }
  return result;
}

std::string NameTemplate::Expand(const ProcessAttributes& process, const NamedCaptures& captures) const {
  std::string name;
  for (const Part& part : parts_) absl::StrAppend(&name, base::LabelValue(Value(part, process, captures)));
  return name;
}

bool NameTemplate::Uses(Field field) const {
  return std::any_of(parts_.begin(), parts_.end(), [&](const Part& part) { return part.field == field; });
}

}  // namespace agent_exporter::compat
