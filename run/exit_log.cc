#include "run/exit_log.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "base/label_value.h"

namespace agent_exporter::run {

std::optional<FlightRecord> RecordOf(const agents::AgentSample& agent, const kernel::ProcessKey& root,
                                     const FlightRecorder& recorder, double now) {
  std::optional<FlightRecord> record = recorder.Record(root, now);
  std::vector<std::string> left_behind = LiveDescendants(agent);
  // A root that ended before any tick has no points, but may have left descendants.
  if (!record && !left_behind.empty()) record.emplace();
  if (record) record->left_behind = std::move(left_behind);
  return record;
}

Diagnosis DiagnosisOf(const agents::AgentSample& agent, const agents::RootExit& end,
                      const FlightRecorder& recorder, double now) {
  Diagnosis diagnosis{.status = end.status, .self_killed = end.self_killed, .oom = end.oom};
  diagnosis.record = RecordOf(agent, end.key, recorder, now);
  diagnosis.peak_resident_bytes = end.max_resident_bytes;
  diagnosis.agent = agent.name;
  diagnosis.kind = agent.kind;
  diagnosis.slot = agent.slot;
  diagnosis.pid = end.key.pid;
  diagnosis.command = base::LabelValue(end.comm);
  Complete(&diagnosis);
  return diagnosis;
}

void ExitLog::Take(const agents::Observation& observation) {
  recorder_.Add(observation);
  for (const agents::AgentSample& agent : observation.agents) {
    for (const agents::RootExit& end : agent.ended) {
      if (!end.news) continue;
      const Diagnosis diagnosis = DiagnosisOf(agent, end, recorder_, observation.monotonic_seconds);
      if (IsAbnormal(diagnosis.category)) {
        spdlog::warn("{}", LogLine(diagnosis));
      } else {
        spdlog::info("{}", LogLine(diagnosis));
      }
    }
  }
}

}  // namespace agent_exporter::run
