#include "hooks/condition.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agents/resource_names.h"
#include "base/json_path.h"
#include "base/label_value.h"
#include "base/nearest_word.h"
#include "serve/agent_json.h"
#include "serve/traits.h"

namespace agent_exporter::hooks {
namespace {

// In the order of their weight: a verdict is the index.
constexpr std::array<std::string_view, 3> kVerdicts = {"none", "ticket", "page"};

std::string Path(std::string_view what, agents::ResourceUse::Scope scope,
                 agents::ResourceUse::Resource resource) {
  return fmt::format("{}.{}.{}", what, Name(scope), Name(resource));
}

std::vector<std::string> KnownPaths() {
  std::vector<std::string> paths = {"instances", "children", "zombies"};
  for (const char* key : {"rss_bytes", "vsz_bytes", "threads", "open_fds", "descendants",
                          "descendant_open_fds", "uptime_secs"}) {
    paths.push_back(absl::StrCat("agent_self.", key));
  }
  for (const char* scope : {"tree", "orphans"}) {
    for (const char* key : {"processes", "cpu_usage_ratio", "threads", "resident_memory_bytes",
                            "virtual_memory_bytes", "open_fds"}) {
      paths.push_back(absl::StrCat(scope, ".", key));
    }
  }
  for (const char* what : {"used_ratio", "leak"}) {
    for (const auto scope : agents::kScopes) {
      for (const auto resource : agents::kResources) paths.push_back(Path(what, scope, resource));
    }
  }
  return paths;
}

absl::Status CheckPath(const std::string& path) {
  const std::vector<std::string>& known = ConditionPaths();
  if (std::find(known.begin(), known.end(), path) != known.end()) return absl::OkStatus();
  const std::string_view nearest = base::NearestWord(path, {known.begin(), known.end()});
  return absl::InvalidArgumentError(
      fmt::format("there is no figure {}; {}", base::Quoted(path),
                  nearest.empty() ? "docs/hooks.md lists them" : fmt::format("did you mean {}?", nearest)));
}

absl::StatusOr<double> ParseValue(const std::string& path, const std::string& word) {
  double value = 0;
  if (path.starts_with("leak.")) {
    for (size_t i = 0; i < kVerdicts.size(); ++i) {
      if (kVerdicts[i] == word) return static_cast<double>(i);
    }
    return absl::InvalidArgumentError(
        absl::StrCat(base::Quoted(word), " is no verdict; write none, ticket or page"));
  }
  if (absl::SimpleAtod(word, &value)) return value;
  return absl::InvalidArgumentError(absl::StrCat(base::Quoted(word), " is not a number"));
}

bool Compare(double figure, const std::string& op, double value) {
  if (op == ">") return figure > value;
  if (op == ">=") return figure >= value;
  if (op == "<") return figure < value;
  if (op == "<=") return figure <= value;
  return (figure == value) == (op == "==");
}

}  // namespace

const std::vector<std::string>& ConditionPaths() {
  static const std::vector<std::string> paths = KnownPaths();
  return paths;
}

nlohmann::ordered_json ConditionFigures(const agents::AgentSample& agent) {
  nlohmann::ordered_json figures = serve::AgentSummary(agent);
  figures["agent_self"] = serve::TraitsOf(figures)["agent_self"];
  for (const agents::ResourceUse& use : agent.resources) {
    figures["used_ratio"][Name(use.scope)][Name(use.resource)] = use.ratio();
    figures["leak"][Name(use.scope)][Name(use.resource)] = 0;
  }
  for (const agents::LeakEvidence& leak : agent.leaks) {
    figures["leak"][Name(leak.scope)][Name(leak.resource)] = leak.page ? 2 : 1;
  }
  return figures;
}

absl::StatusOr<Condition> Condition::Parse(std::string_view text) {
  static const RE2 comparison(R"(\s*([\w.]+)\s*(>=|<=|==|!=|>|<)\s*(\S+)\s*)");
  Condition condition;
  for (const std::string& part : std::vector<std::string>(absl::StrSplit(std::string(text), " and "))) {
    Comparison read;
    std::string word;
    if (!RE2::FullMatch(part, comparison, &read.path, &read.op, &word)) {
      return absl::InvalidArgumentError(
          absl::StrCat(base::Quoted(part),
                       " is no comparison; write a figure, > >= < <= == or != and a number, such as "
                       "agent_self.open_fds > 500"));
    }
    if (absl::Status status = CheckPath(read.path); !status.ok()) return status;
    const auto value = ParseValue(read.path, word);
    if (!value.ok()) return value.status();
    read.value = *value;
    condition.comparisons_.push_back(std::move(read));
  }
  return condition;
}

std::optional<bool> Condition::Holds(const nlohmann::ordered_json& figures) const {
  bool all_known = true;
  for (const Comparison& comparison : comparisons_) {
    const nlohmann::ordered_json* figure = base::AtPath(figures, comparison.path);
    if (figure == nullptr) {
      all_known = false;
    } else if (!Compare(figure->get<double>(), comparison.op, comparison.value)) {
      return false;
    }
  }
  return all_known ? std::optional(true) : std::nullopt;
}

}  // namespace agent_exporter::hooks
