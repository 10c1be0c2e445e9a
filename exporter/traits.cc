// `agent_exporter traits`: one agent's own footprint, the fields of spec.md V under their dotted paths.

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "collectors/family.h"
#include "exporter/commands.h"

namespace agent_exporter::exporter {
namespace {

absl::StatusOr<const agents::AgentSample*> Pick(const agents::Observation& observation,
                                                const std::string& name) {
  std::vector<const agents::AgentSample*> running;
  for (const agents::AgentSample& agent : observation.agents) {
    if (collectors::Instances(agent) > 0 && (name.empty() || agent.name == name)) running.push_back(&agent);
  }
  if (running.size() == 1) return running[0];
  if (running.empty()) {
    return absl::NotFoundError(
        name.empty() ? "no agent runs now; see agent_exporter status"
                     : absl::StrCat("no agent \"", name, "\" runs now; see agent_exporter status"));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "several agents run: ",
      absl::StrJoin(running, ", ",
                    [](std::string* out, const agents::AgentSample* agent) { out->append(agent->name); }),
      "; pick one with --agent"));
}

}  // namespace

std::string TraitsJson(const agents::AgentSample& agent) {
  nlohmann::ordered_json self;
  const auto put = [&self](const char* key, std::optional<uint64_t> value) {
    if (value) self[key] = *value;
  };
  const auto child = [](const agents::ProcessSample& p) { return p.direct_child; };
  put("rss_bytes", collectors::SumOver(agent, collectors::IsRoot, [](const agents::ProcessSample& p) {
        return p.usage.resident_bytes;
      }));
  put("vsz_bytes", collectors::SumOver(agent, collectors::IsRoot,
                                       [](const agents::ProcessSample& p) { return p.usage.virtual_bytes; }));
  put("threads", collectors::SumOver(agent, collectors::IsRoot, [](const agents::ProcessSample& p) {
        return std::optional<uint64_t>(p.threads);
      }));
  put("open_fds", collectors::SumOver(agent, collectors::IsRoot,
                                      [](const agents::ProcessSample& p) { return p.usage.open_fds; }));
  put("descendants", collectors::SumOver(agent, child, [](const agents::ProcessSample&) {
        return std::optional<uint64_t>(1);
      }));
  put("descendant_open_fds",
      collectors::SumOver(agent, child, [](const agents::ProcessSample& p) { return p.usage.open_fds; }));
  const auto oldest = std::find_if(agent.processes.begin(), agent.processes.end(), collectors::IsLiveRoot);
  if (oldest != agent.processes.end()) self["uptime_secs"] = static_cast<uint64_t>(oldest->age_seconds);
  return nlohmann::ordered_json{{"agent", agent.name}, {"agent_self", std::move(self)}}.dump(
             2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
         "\n";
}

int RunTraits(const Options& options, std::ostream& out, std::ostream& err) {
  auto watch = MakeOneShotWatch(options);
  if (!watch.ok()) return Fail(watch.status(), err);
  auto observation = (*watch)->observer().Observe(true);
  if (!observation.ok()) return Fail(observation.status(), err);
  const auto agent = Pick(**observation, options.agent);
  if (!agent.ok()) return Fail(agent.status(), err);
  out << TraitsJson(**agent);
  return 0;
}

}  // namespace agent_exporter::exporter
