#include "exporter/meta_collectable.h"

#include "collectors/family.h"

namespace agent_exporter {
namespace {

Labels LabelsOf(const MetaKeeper::Entry& entry, Labels more = {}) {
  AgentSample agent;
  agent.name = entry.name;
  agent.kind = entry.kind;
  agent.slot = entry.slot;
  return AgentLabels(agent, std::move(more));
}

}  // namespace

Families MetaCollectable::Collect() const {
  Family context = Family::Gauge("agent_context_ratio", "Part of the model's context window that is in use.");
  Family subagents = Family::Gauge("agent_subagents", "Subagents that the agent has under way.");
  Family info = Family::Gauge("agent_meta_info", "What the agent tells of itself: its model.");
  Family reads = Family::Counter("agent_exporter_meta_reads_total",
                                 "Attempts to read what agents tell of themselves, by source and result.");
  for (const MetaKeeper::Entry& entry : keeper_->All()) {
    if (entry.meta.context_pct) context.Add(LabelsOf(entry), *entry.meta.context_pct / 100);
    subagents.Add(LabelsOf(entry), entry.meta.subagents);
    if (entry.meta.model) info.Add(LabelsOf(entry, {{"model", *entry.meta.model}}), 1.0);
  }
  for (const auto& [key, count] : keeper_->reader().Counts()) {
    reads.Add({{"source", key.first}, {"result", key.second}}, count);
  }
  return Collected(context, subagents, info, reads);
}

Families HooksCollectable::Collect() const {
  Family total = Family::Counter("agent_exporter_hooks_total",
                                 "Changes that hooks were to be told of, by what came of it.");
  for (const auto& [key, count] : hooks_->Counts()) {
    total.Add({{"hook", key.first}, {"result", key.second}}, count);
  }
  return Collected(total);
}

}  // namespace agent_exporter
