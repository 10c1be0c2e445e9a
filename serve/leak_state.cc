#include "serve/leak_state.h"

#include <spdlog/spdlog.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "base/files.h"

namespace agent_exporter::serve {
namespace {

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

// Far beyond what a book of the most agents makes.
constexpr size_t kMostBytes = size_t{256} << 20;

}  // namespace

LeakState::LeakState(std::string directory, agents::LeakBook& book, double boot_time, base::System& system)
    : path_(std::move(directory) + "/leak.state"), book_(book), boot_time_(boot_time), system_(system) {}

LeakState::~LeakState() { Stop(); }

void LeakState::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (writer_.joinable()) writer_.join();
}

void LeakState::Finish() {
  Stop();
  Save(book_.Save(boot_time_));
}

void LeakState::SaveLater(std::string bytes) {
  {
    const std::lock_guard lock(mutex_);
    pending_ = std::move(bytes);
  }
  if (writer_.joinable()) return wake_.notify_all();
  auto writer = system_.StartThread([this] { Write(); });
  if (writer.ok()) {
    writer_ = *std::move(writer);
  } else {
    Report(writer.status());
  }
}

void LeakState::Load() {
  const File file(std::fopen(path_.c_str(), "rbe"), &std::fclose);
  if (file == nullptr) {
    if (errno != ENOENT)
      spdlog::warn("leak evidence starts anew: cannot read {}: {}", path_, std::strerror(errno));
    return;
  }
  std::string bytes;
  char buffer[65536];
  for (size_t got = 1; got > 0 && bytes.size() < kMostBytes; bytes.append(buffer, got)) {
    got = std::fread(buffer, 1, sizeof buffer, file.get());
  }
  const absl::Status status = book_.Load(bytes, boot_time_);
  if (status.ok()) return;
  if (absl::IsFailedPrecondition(status)) {
    spdlog::info("leak evidence starts anew: {}: {}", path_, std::string(status.message()));
    return;
  }
  const std::string aside = path_ + ".bad";
  system_.Rename(path_, aside);
  spdlog::warn("leak evidence starts anew: {}: {}; set aside as {}", path_, std::string(status.message()),
               aside);
}

void LeakState::OnTick(double now) {
  if (saved_at_ < 0) saved_at_ = now;
  if (now - saved_at_ < kSaveSeconds) return;
  saved_at_ = now;
  SaveLater(book_.Save(boot_time_));
}

void LeakState::Write() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !pending_.empty(); });
    if (pending_.empty()) return;
    const std::string bytes = std::exchange(pending_, {});
    lock.unlock();
    Save(bytes);
    lock.lock();
  }
}

void LeakState::Save(const std::string& bytes) { Report(base::ReplaceFile(system_, path_, bytes)); }

void LeakState::Report(const absl::Status& status) {
  if (!status.ok() && !failing_.exchange(true)) {
    spdlog::warn("leak evidence is not saved, a restart will lose it: {}", std::string(status.message()));
  }
  if (status.ok()) failing_ = false;
}

}  // namespace agent_exporter::serve
