// `agent_exporter traits`: what one agent itself uses, as the fields of spec.md V.

#include "serve/traits.h"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/user_file.h"
#include "collectors/family.h"
#include "exporter/commands.h"
#include "exporter/fill_template.h"
#include "exporter/running_service.h"
#include "exporter/text_table.h"
#include "serve/agent_json.h"

namespace agent_exporter::exporter {
namespace {

// "codex kind worker slot 3".
std::string FullName(const std::string& name, const std::string& kind, const std::string& slot) {
  return absl::StrCat(name, kind.empty() ? "" : absl::StrCat(" kind ", kind),
                      slot.empty() ? "" : absl::StrCat(" slot ", slot));
}

absl::StatusOr<const agents::AgentSample*> Pick(const agents::Observation& observation,
                                                const Options& asked) {
  std::vector<const agents::AgentSample*> running;
  for (const agents::AgentSample& agent : observation.agents) {
    if (collectors::Instances(agent) > 0 && (asked.agent.empty() || agent.name == asked.agent) &&
        agent.kind == asked.kind.value_or(agent.kind) && agent.slot == asked.slot.value_or(agent.slot)) {
      running.push_back(&agent);
    }
  }
  if (running.size() == 1) return running[0];
  if (running.empty()) {
    const std::string name = FullName(asked.agent.empty() ? "" : absl::StrCat("\"", asked.agent, "\""),
                                      asked.kind.value_or(""), asked.slot.value_or(""));
    return absl::NotFoundError(
        absl::StrCat("no agent ", name, name.empty() ? "" : " ", "runs now; see agent_exporter status"));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("several agents run: ",
                   absl::StrJoin(running, ", ",
                                 [](std::string* out, const agents::AgentSample* agent) {
                                   out->append(FullName(agent->name, agent->kind, agent->slot));
                                 }),
                   "; pick one with --agent, --kind, --slot"));
}

}  // namespace

absl::StatusOr<nlohmann::ordered_json> PickTraits(const agents::Observation& observation,
                                                  const Options& asked) {
  const auto agent = Pick(observation, asked);
  if (!agent.ok()) return agent.status();
  return serve::TraitsOf(serve::AgentSummary(**agent));
}

namespace {

absl::StatusOr<nlohmann::ordered_json> AskForTraits(const RunningService& service, const Options& options) {
  nlohmann::json question = {{"ask", "traits"}, {"agent", options.agent}};
  if (options.kind) question["kind"] = *options.kind;
  if (options.slot) question["slot"] = *options.slot;
  const auto answer = service.Ask(question);
  if (!answer.ok()) return answer.status();
  return nlohmann::ordered_json::parse(*answer);
}

absl::StatusOr<nlohmann::ordered_json> LookForTraits(const Options& options) {
  auto watch = MakeOneShotWatch(options);
  if (!watch.ok()) return watch.status();
  auto observation = (*watch)->observer().Observe(true);
  if (!observation.ok()) return observation.status();
  return PickTraits(**observation, options);
}

}  // namespace

int RunTraits(const Options& options, std::ostream& out, std::ostream& err) {
  const auto service = FindService(options);
  if (absl::IsFailedPrecondition(service.status())) return Fail(service.status(), err);
  const auto traits = service.ok() ? AskForTraits(*service, options) : LookForTraits(options);
  if (!traits.ok()) return Fail(traits.status(), err);
  if (options.template_file.empty()) {
    out << PrintableJson(traits->dump(2)) << "\n";
    return 0;
  }
  const auto text = base::ReadUserFile("--template", options.template_file);
  if (!text.ok()) return Fail(text.status(), err);
  const auto filled = FillTemplate(*text, {{"Traits", *traits}});
  if (!filled.ok()) {
    return Fail(
        absl::InvalidArgumentError(absl::StrCat(options.template_file, ":", filled.status().message())), err);
  }
  out << *filled;
  return 0;
}

}  // namespace agent_exporter::exporter
