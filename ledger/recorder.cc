#include "ledger/recorder.h"

#include <chrono>
#include <utility>

namespace agent_exporter::ledger {
namespace {

// How often we check for events from other writers and for new lines in logs.
constexpr std::chrono::seconds kPollInterval{1};

}  // namespace

absl::StatusOr<std::unique_ptr<LedgerRecorder>> LedgerRecorder::Make(LedgerOptions options,
                                                                     base::Clock clock) {
  auto keeper = LedgerKeeper::Make(std::move(options));
  if (!keeper.ok()) return keeper.status();
  return std::unique_ptr<LedgerRecorder>(new LedgerRecorder(*std::move(keeper), std::move(clock)));
}

LedgerRecorder::~LedgerRecorder() { Stop(); }

void LedgerRecorder::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void LedgerRecorder::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void LedgerRecorder::Submit(std::shared_ptr<const agents::Observation> observation) {
  {
    const std::lock_guard lock(mutex_);
    pending_ = std::move(observation);
  }
  wake_.notify_all();
}

LedgerStats LedgerRecorder::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void LedgerRecorder::Loop() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    wake_.wait_for(lock, kPollInterval, [this] { return stopping_ || pending_ != nullptr; });
    if (stopping_) break;
    const std::shared_ptr<const agents::Observation> observation = std::exchange(pending_, nullptr);
    lock.unlock();
    if (observation != nullptr) keeper_->Observe(*observation);
    keeper_->Attend(clock_().wall);
    LedgerStats stats = keeper_->stats();
    lock.lock();
    stats_ = std::move(stats);
  }
}

}  // namespace agent_exporter::ledger
