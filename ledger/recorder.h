// The ledger's thread: takes what the sampler offers and lets LedgerKeeper do the slow work.
//
// Offer returns at once. An observation that comes while the thread is busy takes the place of one that still
// waits: ticks never stack up.
//
// Thread safety: all methods may be called from any thread; Start and Stop once each.

#ifndef AGENT_EXPORTER_LEDGER_RECORDER_H_
#define AGENT_EXPORTER_LEDGER_RECORDER_H_

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "absl/status/statusor.h"
#include "agents/observation.h"
#include "base/clock.h"
#include "ledger/keeper.h"

namespace agent_exporter::ledger {

class LedgerRecorder {
 public:
  // As LedgerKeeper::Make.
  static absl::StatusOr<std::unique_ptr<LedgerRecorder>> Make(LedgerOptions options,
                                                              base::Clock clock = base::SystemClock);
  ~LedgerRecorder();  // stops

  void Start();
  // Waits for a write under way.
  void Stop();
  void Offer(std::shared_ptr<const agents::Observation> observation);
  LedgerStats stats() const;

 private:
  LedgerRecorder(std::unique_ptr<LedgerKeeper> keeper, base::Clock clock)
      : keeper_(std::move(keeper)), clock_(std::move(clock)) {}
  void Loop();

  std::unique_ptr<LedgerKeeper> keeper_;  // the thread's only
  base::Clock clock_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::shared_ptr<const agents::Observation> offered_;
  LedgerStats stats_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace agent_exporter::ledger

#endif  // AGENT_EXPORTER_LEDGER_RECORDER_H_
