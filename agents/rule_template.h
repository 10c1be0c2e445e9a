// A rule's name, kind or slot: text with fields in braces. It is checked when the rule is loaded and filled
// in at each match.
//
//   {comm} {exe} {script} {user} {pid} {cwd}   exe: the basename; cwd: the last part of the path
//   {1} … {9}, {name}                          captures of the rule's cmdline expression
//   {{ and }}                                  a brace itself
//
// A field without a value for a process is empty.
//
// Thread safety: immutable.

#ifndef AGENT_EXPORTER_AGENTS_RULE_TEMPLATE_H_
#define AGENT_EXPORTER_AGENTS_RULE_TEMPLATE_H_

#include <re2/re2.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agents/match_context.h"

namespace agent_exporter::agents {

class RuleTemplate {
 public:
  RuleTemplate() = default;

  // `cmdline` is the rule's expression, or null. InvalidArgument: an unknown field, a capture that the
  // expression does not have, a brace that is never closed; the message names the template but not the rule.
  static absl::StatusOr<RuleTemplate> Parse(std::string_view text, const re2::RE2* cmdline);

  // `captures` as Captures returns them for the expression that Parse was given.
  std::string Expand(MatchContext& context, const std::vector<std::string>& captures) const;

  bool uses_captures() const;

 private:
  enum class Field { kLiteral, kComm, kExe, kScript, kUser, kPid, kCwd, kCapture };
  struct Part {
    Field field = Field::kLiteral;
    std::string literal;
    int capture = 0;
  };
  static absl::StatusOr<Part> ParseField(std::string_view field, std::string_view text,
                                         const re2::RE2* cmdline);

  std::vector<Part> parts_;
};

// The whole match of `expression` in `text`, then each group; groups that did not take part are empty.
std::vector<std::string> Captures(const re2::RE2& expression, std::string_view text);

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_RULE_TEMPLATE_H_
