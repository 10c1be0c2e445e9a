// The ledger's thread: receives observations from the sampler and runs LedgerKeeper, which does the slow
// work.
//
// Submit returns at once. While the thread is busy, a new observation replaces the one that is waiting, so
// observations never queue up.
//
// Thread safety: any thread may call any method. Submit and Stop not at the same time.

#ifndef AGENT_EXPORTER_LEDGER_RECORDER_H_
#define AGENT_EXPORTER_LEDGER_RECORDER_H_

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "agents/observation.h"
#include "base/clock.h"
#include "base/newest_worker.h"
#include "base/system.h"
#include "ledger/keeper.h"

namespace agent_exporter::ledger {

class LedgerRecorder {
 public:
  // The same errors as LedgerKeeper::Make.
  static absl::StatusOr<std::unique_ptr<LedgerRecorder>> Make(LedgerOptions options,
                                                              base::Clock clock = base::SystemClock,
                                                              base::System& system = base::System::Real());

  // Starts the thread if it does not run. If the system refuses it, that is logged.
  void Submit(std::shared_ptr<const agents::Observation> observation) {
    worker_.Submit(std::move(observation));
  }
  // Waits for a running write.
  void Stop() { worker_.Stop(); }
  LedgerStats stats() const;

 private:
  using Tick = std::shared_ptr<const agents::Observation>;

  LedgerRecorder(std::unique_ptr<LedgerKeeper> keeper,
                 std::function<void(bool is_error, const std::string& line)> log, base::Clock clock,
                 base::System& system);
  void Record(const Tick& tick);  // null: only look for what others wrote

  std::unique_ptr<LedgerKeeper> keeper_;  // used only by the thread
  base::Clock clock_;
  mutable std::mutex mutex_;
  LedgerStats stats_;
  base::NewestWorker<Tick> worker_;
};

}  // namespace agent_exporter::ledger

#endif  // AGENT_EXPORTER_LEDGER_RECORDER_H_
