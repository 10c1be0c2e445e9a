#include "ledger/recorder.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

namespace agent_exporter::ledger {
namespace {

// How often we check for events from other writers and for new lines in logs.
constexpr std::chrono::seconds kPollInterval{1};

}  // namespace

absl::StatusOr<std::unique_ptr<LedgerRecorder>> LedgerRecorder::Make(LedgerOptions options, base::Clock clock,
                                                                     base::System& system) {
  auto log = options.log;
  auto keeper = LedgerKeeper::Make(std::move(options));
  if (!keeper.ok()) return keeper.status();
  return std::unique_ptr<LedgerRecorder>(
      new LedgerRecorder(*std::move(keeper), std::move(log), std::move(clock), system));
}

LedgerRecorder::LedgerRecorder(std::unique_ptr<LedgerKeeper> keeper,
                               std::function<void(bool is_error, const std::string& line)> log,
                               base::Clock clock, base::System& system)
    : keeper_(std::move(keeper)),
      clock_(std::move(clock)),
      worker_(
          system, [this](const Tick& tick) { Record(tick); },
          [log = std::move(log)](const absl::Status& refused) {
            if (log)
              log(true,
                  fmt::format("the ledger records nothing for now: {}", std::string(refused.message())));
          },
          kPollInterval) {}

LedgerStats LedgerRecorder::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void LedgerRecorder::Record(const Tick& tick) {
  if (tick != nullptr) keeper_->Observe(*tick);
  keeper_->Attend(clock_().wall);
  LedgerStats stats = keeper_->stats();
  const std::lock_guard lock(mutex_);
  stats_ = std::move(stats);
}

}  // namespace agent_exporter::ledger
