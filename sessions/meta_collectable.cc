#include "sessions/meta_collectable.h"

#include "collectors/family.h"

namespace agent_exporter::sessions {
namespace {

collectors::Labels LabelsOf(const MetaKeeper::Entry& entry, collectors::Labels more = {}) {
  agents::AgentSample agent;
  agent.name = entry.name;
  agent.kind = entry.kind;
  agent.slot = entry.slot;
  return collectors::AgentLabels(agent, std::move(more));
}

}  // namespace

collectors::Families MetaCollectable::Collect() const {
  collectors::Family context =
      collectors::Family::Gauge("agent_context_ratio", "Share of the model's context window in use, 0 to 1.");
  collectors::Family subagents =
      collectors::Family::Gauge("agent_subagents", "Subagents that the agent is running.");
  collectors::Family info =
      collectors::Family::Gauge("agent_meta_info", "What the agent reports about itself: its model.");
  collectors::Family reads = collectors::Family::Counter(
      "agent_exporter_meta_reads_total",
      "Attempts to read what agents report about themselves, by source and result.");
  for (const MetaKeeper::Entry& entry : keeper_->All()) {
    if (entry.meta.context_pct) context.Add(LabelsOf(entry), *entry.meta.context_pct / 100);
    subagents.Add(LabelsOf(entry), entry.meta.subagents);
    if (entry.meta.model) info.Add(LabelsOf(entry, {{"model", *entry.meta.model}}), 1.0);
  }
  for (const auto& [key, count] : keeper_->reader().Counts()) {
    reads.Add({{"source", key.first}, {"result", key.second}}, count);
  }
  return collectors::Collected(context, subagents, info, reads);
}

}  // namespace agent_exporter::sessions
