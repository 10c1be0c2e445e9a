#include "base/bounded_reads.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "base/deadline_runner.h"

namespace agent_exporter::base {
namespace {

using Time = std::chrono::steady_clock;

// A read that takes longer hangs; a busy machine does not explain it.
constexpr std::chrono::seconds kHangs{1};

}  // namespace

struct BoundedReads::State {
  struct Late {
    Time::time_point since;
    size_t reads = 0;  // two threads may start the same read
  };

  size_t LateReads() const {
    size_t count = 0;
    for (const auto& [what, late_read] : late) count += late_read.reads;
    return count;
  }

  explicit State(Options given) : options(std::move(given)), runners(*options.system) {}

  mutable std::mutex mutex;
  Options options;
  std::map<std::string, Late> late;
  RunnerPool runners;  // has its own lock
};

BoundedReads::BoundedReads(Options options) : state_(std::make_shared<State>(std::move(options))) {}

BoundedReads& BoundedReads::Shared() {
  static auto* const kShared = new BoundedReads({});  // hanging threads may outlive main
  return *kShared;
}

void BoundedReads::SetPatience(std::chrono::milliseconds patience) {
  const std::lock_guard lock(state_->mutex);
  state_->options.patience = patience;
}

absl::Status BoundedReads::Run(const std::string& what, std::function<void()> read,
                               std::optional<std::chrono::milliseconds> own_patience) {
  const auto started = Time::now();
  std::chrono::milliseconds patience{};
  {
    const std::lock_guard lock(state_->mutex);
    patience = own_patience.value_or(state_->options.patience);
    if (state_->late.count(what) != 0) {
      return absl::DeadlineExceededError(absl::StrCat(what, ": an earlier read still hangs"));
    }
    if (state_->LateReads() >= state_->options.most_hanging) {
      return absl::DeadlineExceededError(absl::StrCat(what, ": not read, too many other reads hang"));
    }
  }
  const RunnerPool::Lease runner(state_->runners);
  if (!runner->HasThread()) return absl::UnavailableError(absl::StrCat(what, ": no thread to read it"));
  // Guarded by the state's mutex.
  struct Call {
    bool ended = false;
    bool late = false;
  };
  const auto call = std::make_shared<Call>();
  auto job = [what, read = std::move(read), call, state = state_] {
    read();
    const std::lock_guard lock(state->mutex);
    call->ended = true;
    if (!call->late) return;
    const auto found = state->late.find(what);
    if (--found->second.reads == 0) state->late.erase(found);
  };
  const auto has_time_until = [until = started + patience] {
    return Time::now() < until ? std::optional(until) : std::nullopt;
  };
  if (runner->Run(std::move(job), has_time_until)) return absl::OkStatus();
  const std::lock_guard lock(state_->mutex);
  if (call->ended) return absl::OkStatus();  // it ended just in time
  call->late = true;
  State::Late& late = state_->late.try_emplace(what, State::Late{.since = started}).first->second;
  ++late.reads;
  return absl::DeadlineExceededError(absl::StrCat(what, ": not read within ", patience.count(), " ms"));
}

size_t BoundedReads::late() const {
  const std::lock_guard lock(state_->mutex);
  return state_->LateReads();
}

BoundedReads::Hanging BoundedReads::hanging() const {
  const std::lock_guard lock(state_->mutex);
  const auto since = Time::now() - kHangs;
  Hanging hanging;
  auto oldest = Time::time_point::max();
  for (const auto& [what, late] : state_->late) {
    if (late.since > since) continue;
    hanging.count += late.reads;
    if (late.since < oldest) hanging.oldest = what;
    oldest = std::min(oldest, late.since);
  }
  return hanging;
}

}  // namespace agent_exporter::base
