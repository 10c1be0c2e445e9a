// Logs how agents ended: one line for each root, with its last external sample. A flight recorder, which sees
// every tick, has that sample.
//
// Thread safety: Take from one thread (a Sampler's listener); recorder() from any.

#ifndef AGENT_EXPORTER_RUN_EXIT_LOG_H_
#define AGENT_EXPORTER_RUN_EXIT_LOG_H_

#include <optional>

#include "agents/observation.h"
#include "run/diagnosis.h"
#include "run/flight_recorder.h"

namespace agent_exporter::run {

// The last minutes of a root that ended, and which of its descendants still live. Empty if nothing is known.
std::optional<FlightRecord> RecordOf(const agents::AgentSample& agent, const kernel::ProcessKey& root,
                                     const FlightRecorder& recorder, double now);

// What is known about one exit. `now`: monotonic seconds.
Diagnosis DiagnosisOf(const agents::AgentSample& agent, const agents::RootExit& end,
                      const FlightRecorder& recorder, double now);

class ExitLog {
 public:
  void Take(const agents::Observation& observation);
  const FlightRecorder& recorder() const { return recorder_; }

 private:
  FlightRecorder recorder_;
};

}  // namespace agent_exporter::run

#endif  // AGENT_EXPORTER_RUN_EXIT_LOG_H_
