#include "compat/group_rules.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/user_file.h"
#include "base/yaml.h"

namespace agent_exporter::compat {
namespace {

constexpr std::string_view kDefaultName = "{{.ExeBase}}";

bool MatchesExe(const std::string& wanted, const ProcessAttributes& process) {
  return wanted.find('/') == std::string::npos ? process.exe_base() == wanted : process.cmdline[0] == wanted;
}

// All expressions are found; their named groups go to *captures.
bool MatchesCmdline(const GroupRule& rule, const ProcessAttributes& process, NamedCaptures* captures) {
  if (rule.cmdline.empty()) return true;
  const std::string joined = absl::StrJoin(process.cmdline, " ");
  for (const auto& expression : rule.cmdline) {
    std::vector<re2::StringPiece> groups(static_cast<size_t>(expression->NumberOfCapturingGroups()) + 1);
    if (!expression->Match(joined, 0, joined.size(), re2::RE2::UNANCHORED, groups.data(),
                           static_cast<int>(groups.size()))) {
      return false;
    }
    for (const auto& [name, number] : expression->NamedCapturingGroups()) {
      const re2::StringPiece& found = groups[static_cast<size_t>(number)];
      (*captures)[name] = std::string(found.data() == nullptr ? "" : found.data(), found.size());
    }
  }
  return true;
}

bool Matches(const GroupRule& rule, const ProcessAttributes& process, NamedCaptures* captures) {
  if (!rule.comm.empty() && std::find(rule.comm.begin(), rule.comm.end(), process.comm) == rule.comm.end()) {
    return false;
  }
  if (!rule.exe.empty() && (process.cmdline.empty() ||
                            std::none_of(rule.exe.begin(), rule.exe.end(),
                                         [&](const std::string& exe) { return MatchesExe(exe, process); }))) {
    return false;
  }
  return MatchesCmdline(rule, process, captures);
}

absl::StatusOr<GroupRule> ParseRule(const YAML::Node& node, std::string_view file) {
  if (!node.IsMap()) return base::YamlError(node, file, "a rule is a map with comm, exe or cmdline");
  if (absl::Status status = base::CheckYamlKeys(node, file, {"name", "comm", "exe", "cmdline"});
      !status.ok()) {
    return status;
  }
  GroupRule rule;
  rule.line = node.Mark().line + 1;
  std::string name(kDefaultName);
  std::vector<std::string> cmdline;
  for (const absl::Status& status : {base::ReadYamlText(node["name"], file, "name", &name),
                                     base::ReadYamlTexts(node["comm"], file, "comm", &rule.comm),
                                     base::ReadYamlTexts(node["exe"], file, "exe", &rule.exe),
                                     base::ReadYamlTexts(node["cmdline"], file, "cmdline", &cmdline)}) {
    if (!status.ok()) return status;
  }
  if (rule.comm.empty() && rule.exe.empty() && cmdline.empty()) {
    return base::YamlError(node, file, "the rule matches nothing; give it comm, exe or cmdline");
  }
  auto parsed = NameTemplate::Parse(name);
  if (!parsed.ok()) return base::YamlError(node["name"], file, std::string(parsed.status().message()));
  rule.name = *std::move(parsed);
  for (const std::string& text : cmdline) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_encoding(re2::RE2::Options::EncodingLatin1);  // a command line may hold any byte
    auto expression = std::make_shared<const re2::RE2>(text, options);
    if (!expression->ok()) {
      return base::YamlError(
          node["cmdline"], file,
          absl::StrCat("bad expression \"", text, "\": ", expression->error(), "; correct it"));
    }
    rule.cmdline.push_back(std::move(expression));
  }
  return rule;
}

}  // namespace

absl::StatusOr<GroupRules> GroupRules::FromYaml(std::string_view text, std::string_view file) {
  try {
    const YAML::Node root = YAML::Load(std::string(text));
    if (!root.IsMap() || !root["process_names"].IsSequence()) {
      return absl::InvalidArgumentError(
          absl::StrCat(std::string(file),
                       ": there is no list process_names; this is not a configuration of process-exporter"));
    }
    if (absl::Status status = base::CheckYamlKeys(root, file, {"process_names"}); !status.ok()) return status;
    GroupRules rules;
    for (const YAML::Node& node : root["process_names"]) {
      auto rule = ParseRule(node, file);
      if (!rule.ok()) return rule.status();
      rules.rules_.push_back(*std::move(rule));
    }
    return rules;
  } catch (const YAML::Exception& error) {
    return base::YamlSyntaxError(file, error);
  }
}

absl::StatusOr<GroupRules> GroupRules::Load(const std::string& path) {
  auto text = base::ReadUserFile("the configuration file", path);
  if (!text.ok()) return text.status();
  return FromYaml(*text, path);
}

absl::StatusOr<GroupRules> GroupRules::FromNames(std::string_view names) {
  GroupRules rules;
  for (const absl::string_view name : absl::StrSplit(std::string(names), ',', absl::SkipWhitespace())) {
    auto parsed = NameTemplate::Parse("{{.Comm}}");
    rules.rules_.push_back({.name = *std::move(parsed),
                            .comm = {std::string(absl::StripAsciiWhitespace(name))},
                            .exe = {},
                            .cmdline = {}});
  }
  return rules;
}

std::optional<std::string> GroupRules::Find(const ProcessAttributes& process) const {
  for (const GroupRule& rule : rules_) {
    NamedCaptures captures;
    if (Matches(rule, process, &captures)) return rule.name.Expand(process, captures);
  }
  return std::nullopt;
}

bool GroupRules::Use(NameTemplate::Field field) const {
  return std::any_of(rules_.begin(), rules_.end(),
                     [&](const GroupRule& rule) { return rule.name.Uses(field); });
}

}  // namespace agent_exporter::compat
