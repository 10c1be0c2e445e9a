// Leaks that the exporter detects: which limit an agent will reach, when, and which process uses most of it.

#include <optional>
#include <string>
#include <utility>

#include "agents/sample_lookup.h"
#include "base/label_value.h"
#include "collectors/family.h"

namespace agent_exporter::collectors {
namespace {

std::optional<kernel::DescriptorKind> MainKind(const agents::ProcessSample& holder,
                                               const agents::ResourceUse& use) {
  if (use.resource != agents::ResourceUse::Resource::kFds || holder.descriptors == nullptr)
    return std::nullopt;
  return holder.descriptors->main();
}

}  // namespace

Families leak(const agents::Observation& observation) {
  Family active = Family::Gauge("agent_leak_active",
                                "1 while what counts against the limit grows as a leak does, else 0.");
  Family verdict = Family::Gauge(
      "agent_leak_verdict", "The exporter's judgement of a leak: severity page (now) or ticket (by day).");
  Family seconds =
      Family::Gauge("agent_leak_seconds_to_limit",
                    "Time until the limit at the growth of the floor; only while a leak is active.");
  Family growth = Family::Gauge(
      "agent_leak_growth_per_second",
      "Robust growth of the floor in fds, bytes or tasks per second; only while a leak is active.");
  Family span = Family::Gauge("agent_leak_evidence_span_seconds",
                              "How long the floor has been rising; only while a leak is active.");
  Family holder = Family::Gauge("agent_limit_holder_info",
                                "The process that holds most of the tightest limit; only above half full or "
                                "while a leak is active.");
  for (const agents::AgentSample& agent : observation.agents) {
    for (const agents::ResourceUse& use : agent.resources) {
      bool leaks = false;
      kernel::ProcessKey who = use.ratio() > 0.5 ? use.holder : kernel::ProcessKey();
      for (const agents::LeakEvidence& leak : agent.leaks) {
        if (leak.scope != use.scope || leak.resource != use.resource) continue;
        leaks = true;
        if (leak.use.holder.pid != 0) who = leak.use.holder;
      }
      if (const agents::ProcessSample* const process = agents::FindProcess(agent, who)) {
        Labels labels = AgentLabels(agent, {{"scope", Name(use.scope)},
                                            {"resource", Name(use.resource)},
                                            {"pid", std::to_string(who.pid)},
                                            {"comm", base::LabelValue(process->comm)},
                                            {"command", process->command}});
        if (const auto kind = MainKind(*process, use)) labels.push_back({"fd_kind", Name(*kind)});
        holder.Add(std::move(labels), 1.0);
      }
      active.Add(AgentLabels(agent, {{"scope", Name(use.scope)}, {"resource", Name(use.resource)}}),
                 leaks ? 1.0 : 0.0);
    }
    for (const agents::LeakEvidence& leak : agent.leaks) {
      const Labels labels =
          AgentLabels(agent, {{"scope", Name(leak.scope)}, {"resource", Name(leak.resource)}});
      for (const char* const severity : {"page", "ticket"}) {
        verdict.Add(AgentLabels(agent, {{"scope", Name(leak.scope)},
                                        {"resource", Name(leak.resource)},
                                        {"severity", severity}}),
                    leak.page == (severity[0] == 'p') ? 1.0 : 0.0);
      }
      seconds.Add(labels, leak.seconds_to_limit);
      growth.Add(labels, leak.growth_per_second);
      span.Add(labels, leak.evidence_span_seconds);
    }
  }
  return Collected(active, verdict, seconds, growth, span, holder);
}

}  // namespace agent_exporter::collectors
