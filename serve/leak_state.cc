#include "serve/leak_state.h"

#include <spdlog/spdlog.h>

#include <optional>

namespace agent_exporter::serve {

LeakState::LeakState(const std::string& directory, leaks::LeakBook& book, double boot_time,
                     base::System& system)
    : book_(book), boot_time_(boot_time), file_(directory + "/leak.state", "leak evidence", system) {}

void LeakState::Load() {
  const std::optional<std::string> bytes = file_.Read();
  if (!bytes) return;
  const absl::Status status = book_.Load(*bytes, boot_time_);
  if (absl::IsFailedPrecondition(status)) {
    spdlog::info("starting without the saved leak evidence: {}: {}", file_.path(),
                 std::string(status.message()));
  } else if (!status.ok()) {
    file_.SetAside(status);
  }
}

void LeakState::OnTick(double now) {
  if (saved_at_ < 0) saved_at_ = now;
  if (now - saved_at_ < kSaveSeconds) return;
  saved_at_ = now;
  file_.Write(book_.Save(boot_time_));
}

void LeakState::Finish() {
  file_.Write(book_.Save(boot_time_));
  file_.Flush();
}

}  // namespace agent_exporter::serve
