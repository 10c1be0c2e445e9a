#include "agents/rule_template.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/label_value.h"
#include "base/nearest_word.h"

namespace agent_exporter::agents {
namespace {

std::string LastPart(std::string_view path) { return std::string(path == "/" ? path : base::Basename(path)); }

}  // namespace

absl::StatusOr<RuleTemplate::Part> RuleTemplate::ParseField(std::string_view field, std::string_view text,
                                                            const re2::RE2* cmdline) {
  static const auto* const kFields = new std::vector<std::pair<std::string_view, Field>>{
      {"comm", Field::kComm}, {"exe", Field::kExe}, {"script", Field::kScript},
      {"user", Field::kUser}, {"pid", Field::kPid}, {"cwd", Field::kCwd}};
  for (const auto& [name, kind] : *kFields) {
    if (field != name) continue;
    if (cmdline != nullptr && cmdline->NamedCapturingGroups().count(std::string(field)) > 0) {
      return absl::InvalidArgumentError(absl::StrCat("cmdline has a capture named ", std::string(field),
                                                     ", which is the name of a field; rename the capture"));
    }
    return Part{.field = kind};
  }

  if (field.size() == 1 && field[0] >= '1' && field[0] <= '9') {
    const int number = field[0] - '0';
    const int groups = cmdline == nullptr ? 0 : cmdline->NumberOfCapturingGroups();
    if (number > groups) {
      return absl::InvalidArgumentError(
          absl::StrCat("template ", base::Quoted(text), " uses {", number, "}, but cmdline ",
                       cmdline == nullptr ? "is not set" : absl::StrCat("has ", groups, " capture groups"),
                       "; put the part to capture in parentheses"));
    }
    return Part{.field = Field::kCapture, .capture = number};
  }

  std::vector<std::string_view> known;
  if (cmdline != nullptr) {
    for (const auto& [name, number] : cmdline->NamedCapturingGroups()) {
      if (field == name) return Part{.field = Field::kCapture, .capture = number};
      known.push_back(name);
    }
  }
  for (const auto& [name, kind] : *kFields) known.push_back(name);
  const std::string_view nearest = base::NearestWord(field, known);
  return absl::InvalidArgumentError(absl::StrCat(
      "template ", base::Quoted(text), " has the unknown field ", base::Quoted(field), "; ",
      nearest.empty() ? "use {comm}, {exe}, {script}, {user}, {pid}, {cwd}, {1} or a named capture of cmdline"
                      : absl::StrCat("did you mean {", std::string(nearest), "}?"),
      " ({{ is a literal brace)"));
}

absl::StatusOr<RuleTemplate> RuleTemplate::Parse(std::string_view text, const re2::RE2* cmdline) {
  RuleTemplate result;
  std::string literal;
  const auto flush = [&result, &literal] {
    if (!literal.empty()) result.parts_.push_back({.literal = std::exchange(literal, "")});
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = text.substr(i);
    if (rest.starts_with("{{") || rest.starts_with("}}")) {
      literal += text[i++];
    } else if (text[i] == '{') {
      const size_t close = rest.find('}');
      if (close == std::string_view::npos) {
        return absl::InvalidArgumentError(absl::StrCat("template ", base::Quoted(text),
                                                       " has a { without a }; write {{ for a literal brace"));
      }
      absl::StatusOr<Part> part = ParseField(rest.substr(1, close - 1), text, cmdline);
      if (!part.ok()) return part.status();
      flush();
      result.parts_.push_back(*std::move(part));
      i += close;
    } else {
      literal += text[i];
    }
  }
  flush();
  return result;
}

std::string RuleTemplate::Expand(MatchContext& context, const std::vector<std::string>& captures) const {
  std::string out;
  for (const Part& part : parts_) {
    switch (part.field) {
      case Field::kLiteral:
        out += part.literal;
        break;
      case Field::kComm:
        out += context.facts().comm();
        break;
      case Field::kExe:
        out += base::Basename(context.facts().exe());
        break;
      case Field::kScript:
        out += base::Basename(context.Script());
        break;
      case Field::kUser:
        out += context.UserName();
        break;
      case Field::kPid:
        absl::StrAppend(&out, context.facts().pid());
        break;
      case Field::kCwd:
        out += LastPart(context.facts().cwd());
        break;
      case Field::kCapture:
        if (static_cast<size_t>(part.capture) < captures.size())
          out += captures[static_cast<size_t>(part.capture)];
        break;
    }
  }
  return out;
}

bool RuleTemplate::uses_captures() const {
  return std::any_of(parts_.begin(), parts_.end(),
                     [](const Part& part) { return part.field == Field::kCapture; });
}

std::vector<std::string> Captures(const re2::RE2& expression, std::string_view text) {
  std::vector<re2::StringPiece> groups(static_cast<size_t>(expression.NumberOfCapturingGroups()) + 1);
  const re2::StringPiece input(text.data(), text.size());
  if (!expression.Match(input, 0, text.size(), re2::RE2::UNANCHORED, groups.data(),
                        static_cast<int>(groups.size()))) {
    return {};
  }
  std::vector<std::string> captures;
  captures.reserve(groups.size());
  for (const re2::StringPiece& group : groups) {
    captures.emplace_back(group.data() == nullptr ? "" : std::string(group.data(), group.size()));
  }
  return captures;
}

}  // namespace agent_exporter::agents
