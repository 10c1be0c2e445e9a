#include "serve/state_file.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "base/descriptor.h"

namespace agent_exporter::serve {
namespace {

constexpr size_t kMostStateBytes = size_t{64} << 20;

// 0, or errno.
int WriteStateFile(const std::string& path, const std::string& bytes) {
  const base::Descriptor file(
      open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.ok()) return errno;
  for (size_t written = 0; written < bytes.size();) {
    const ssize_t part = write(file.get(), bytes.data() + written, bytes.size() - written);
    if (part >= 0) {
      written += static_cast<size_t>(part);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

}  // namespace

StateFile::StateFile(std::string path, std::string loss) : path_(std::move(path)), loss_(std::move(loss)) {
  writer_ = std::thread([this] { Run(); });
}

StateFile::~StateFile() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  writer_.join();
}

std::optional<std::string> StateFile::Read() const {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path_.c_str(), "rbe"), &std::fclose);
  if (file == nullptr) {
    if (errno != ENOENT) {
      spdlog::warn("{} from before are lost: cannot read {}: {}", loss_, path_, std::strerror(errno));
    }
    return std::nullopt;
  }
  std::string bytes;
  char buffer[65536];
  for (size_t got = 1; got > 0 && bytes.size() < kMostStateBytes; bytes.append(buffer, got)) {
    got = std::fread(buffer, 1, sizeof buffer, file.get());
  }
  return bytes;
}

std::string StateFile::SetAside() const {
  std::string aside = path_ + ".bad";
  std::rename(path_.c_str(), aside.c_str());
  return aside;
}

void StateFile::Write(std::string bytes) {
  {
    const std::lock_guard lock(mutex_);
    next_ = std::move(bytes);
  }
  wake_.notify_all();
}

void StateFile::Run() {
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

void StateFile::Save(const std::string& bytes) {
  const std::string temporary = path_ + ".new";
  int error = WriteStateFile(temporary, bytes);
  if (error == 0 && std::rename(temporary.c_str(), path_.c_str()) != 0) error = errno;
  if (error != 0 && !failing_) {
    spdlog::warn("{} are not saved, a restart will lose them: {}: {}", loss_, temporary,
                 std::strerror(error));
  }
  failing_ = error != 0;
}

}  // namespace agent_exporter::serve
