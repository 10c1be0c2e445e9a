#include "serve/leak_state.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

namespace agent_exporter::serve {
namespace {

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

// Far beyond what a book of the most agents makes.
constexpr size_t kMostBytes = size_t{256} << 20;

// 0, or errno.
int WriteWhole(const std::string& path, const std::string& bytes) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return errno;
  size_t written = 0;
  int error = 0;
  while (written < bytes.size() && error == 0) {
    const ssize_t part = write(fd, bytes.data() + written, bytes.size() - written);
    if (part >= 0) {
      written += static_cast<size_t>(part);
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  if (error == 0 && fsync(fd) != 0) error = errno;
  close(fd);
  return error;
}

}  // namespace

LeakState::LeakState(std::string directory, agents::LeakBook& book, double boot_time)
    : path_(std::move(directory) + "/leak.state"), book_(book), boot_time_(boot_time) {
  writer_ = std::thread([this] { Write(); });
}

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
  Hand(book_.Save(boot_time_));
  Stop();
}

void LeakState::Hand(std::string bytes) {
  {
    const std::lock_guard lock(mutex_);
    pending_ = std::move(bytes);
  }
  wake_.notify_all();
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
  const std::string aside = path_ + ".bad";
  std::rename(path_.c_str(), aside.c_str());
  spdlog::warn("leak evidence starts anew: {}: {}; set aside as {}", path_, std::string(status.message()),
               aside);
}

void LeakState::OnTick(double now) {
  if (saved_at_ < 0) saved_at_ = now;
  if (now - saved_at_ < kSaveSeconds) return;
  saved_at_ = now;
  Hand(book_.Save(boot_time_));
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

void LeakState::Save(const std::string& bytes) {
  const std::string temporary = path_ + ".new";
  int error = WriteWhole(temporary, bytes);
  if (error == 0 && std::rename(temporary.c_str(), path_.c_str()) != 0) error = errno;
  if (error != 0 && !failing_) {
    spdlog::warn("leak evidence is not saved, a restart will lose it: {}: {}", temporary,
                 std::strerror(error));
  }
  failing_ = error != 0;
}

}  // namespace agent_exporter::serve
