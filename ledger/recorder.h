// The ledger's thread: receives observations from the sampler and runs LedgerKeeper, which does the slow
// work.
//
// Submit returns at once. While the thread is busy, a new observation replaces the one that is waiting, so
// observations never queue up.
//
// Thread safety: any thread may call any method. Call Start and Stop once each.

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
  // The same errors as LedgerKeeper::Make.
  static absl::StatusOr<std::unique_ptr<LedgerRecorder>> Make(LedgerOptions options,
                                                              base::Clock clock = base::SystemClock);
  ~LedgerRecorder();  // stops

  void Start();
  // Waits for a running write.
  void Stop();
  void Submit(std::shared_ptr<const agents::Observation> observation);
  LedgerStats stats() const;

 private:
  LedgerRecorder(std::unique_ptr<LedgerKeeper> keeper, base::Clock clock)
      : keeper_(std::move(keeper)), clock_(std::move(clock)) {}
  void Loop();

  std::unique_ptr<LedgerKeeper> keeper_;  // used only by the thread
  base::Clock clock_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::shared_ptr<const agents::Observation> pending_;
  LedgerStats stats_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace agent_exporter::ledger

#endif  // AGENT_EXPORTER_LEDGER_RECORDER_H_
