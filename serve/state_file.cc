#include "serve/state_file.h"

#include <spdlog/spdlog.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "base/files.h"

namespace agent_exporter::serve {
namespace {

// Far beyond what any state of ours needs.
constexpr size_t kMaxStateBytes = size_t{256} << 20;

}  // namespace

StateFile::StateFile(std::string path, std::string content, base::System& system)
    : path_(std::move(path)), content_(std::move(content)), system_(system) {}

std::optional<std::string> StateFile::Read() const {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path_.c_str(), "rbe"), &std::fclose);
  if (file == nullptr) {
    if (errno != ENOENT) {
      spdlog::warn("starting without the saved {}: cannot read {}: {}", content_, path_,
                   std::strerror(errno));
    }
    return std::nullopt;
  }
  std::string bytes;
  char buffer[65536];
  for (size_t got = 1; got > 0 && bytes.size() < kMaxStateBytes; bytes.append(buffer, got)) {
    got = std::fread(buffer, 1, sizeof buffer, file.get());
  }
  return bytes;
}

void StateFile::SetAside(const absl::Status& why) {
  const std::string aside = path_ + ".bad";
  system_.Rename(path_, aside);
  spdlog::warn("starting without the saved {}: {}: {}; moved to {}", content_, path_,
               std::string(why.message()), aside);
}

void StateFile::Write(std::string bytes) {
  {
    const std::lock_guard lock(mutex_);
    next_ = std::move(bytes);
  }
  if (writer_.joinable()) return wake_.notify_all();
  auto writer = system_.StartThread([this] { Loop(); });
  if (writer.ok()) {
    writer_ = *std::move(writer);
  } else {
    Report(writer.status());
  }
}

void StateFile::Flush() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (writer_.joinable()) writer_.join();
  stopping_ = false;
  if (next_) Save(*std::exchange(next_, std::nullopt));
}

void StateFile::Loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || next_; });
    if (!next_) return;
    const std::string bytes = *std::exchange(next_, std::nullopt);
    lock.unlock();
    Save(bytes);
    lock.lock();
  }
}

void StateFile::Save(const std::string& bytes) { Report(base::ReplaceFile(system_, path_, bytes)); }

void StateFile::Report(const absl::Status& status) {
  if (!status.ok() && !failing_) {
    spdlog::warn("cannot save the {}, a restart will lose it: {}", content_, std::string(status.message()));
  }
  failing_ = !status.ok();
}

}  // namespace agent_exporter::serve
