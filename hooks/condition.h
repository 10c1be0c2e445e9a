// A condition on what one agent uses: "agent_self.open_fds > 500 and leak.tree.memory >= ticket".
//
// Comparisons (> >= < <= == !=) of one figure with a number, joined by "and"; the figures:
//   agent_self.*                     serve/traits.h
//   tree.*, orphans.*                sums, serve/agent_json.h: processes, open_fds, resident_memory_bytes, …
//   instances, children, zombies     counts
//   used_ratio.SCOPE.RESOURCE        of the tightest limit: used_ratio.self.fds
//   leak.SCOPE.RESOURCE              none, ticket or page, in this order: the exporter's own verdict
// Bytes, seconds and ratios as in metrics: 1 is all of it.
//
// Thread safety: values and pure functions.

#ifndef AGENT_EXPORTER_HOOKS_CONDITION_H_
#define AGENT_EXPORTER_HOOKS_CONDITION_H_

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agents/observation.h"

namespace agent_exporter::hooks {

// Every figure of `agent` under its dotted name. What is not known has no key.
nlohmann::ordered_json ConditionFigures(const agents::AgentSample& agent);

// Every name that a condition may use.
const std::vector<std::string>& ConditionPaths();

class Condition {
 public:
  // InvalidArgument: what is wrong, with the nearest figure where a name is misspelt.
  static absl::StatusOr<Condition> Parse(std::string_view text);

  // `figures`: of ConditionFigures. Empty if a figure that decides is not known.
  std::optional<bool> Holds(const nlohmann::ordered_json& figures) const;

 private:
  struct Comparison {
    std::string path;
    std::string op;
    double value = 0;
  };
  std::vector<Comparison> comparisons_;
};

}  // namespace agent_exporter::hooks

#endif  // AGENT_EXPORTER_HOOKS_CONDITION_H_
