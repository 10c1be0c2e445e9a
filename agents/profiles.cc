#include <yaml-cpp/yaml.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agents/profiles_text.h"
#include "agents/rules.h"
#include "agents/rules_yaml.h"

namespace agent_exporter::agents {
namespace {

absl::StatusOr<std::vector<Rule>> ParseProfiles() {
  try {
    return RulesFromYaml(YAML::Load(kProfilesYaml)["agents"], "profiles.yaml");
  } catch (const YAML::Exception& error) {
    return absl::InternalError(absl::StrCat("profiles.yaml: ", error.what()));
  }
}

}  // namespace

std::vector<Rule> BuiltInRules() {
  absl::StatusOr<std::vector<Rule>> rules = ParseProfiles();
  if (!rules.ok()) {
    // The text is compiled in and tests parse it, so only a broken build gets here.
    std::fprintf(stderr, "built-in profiles: %s\n", rules.status().ToString().c_str());
    std::abort();
  }
  for (Rule& rule : *rules) {
    rule.built_in = true;
    rule.origin = absl::StrCat("built-in profile ", rule.name);
  }
  return *std::move(rules);
}

}  // namespace agent_exporter::agents
