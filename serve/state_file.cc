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
    : path_(std::move(path)),
      content_(std::move(content)),
      system_(system),
      worker_(
          system, [this](const std::string& bytes) { Save(bytes); },
          [this](const absl::Status& refused) { Report(refused); }) {}

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

void StateFile::Flush() {
  if (const std::optional<std::string> bytes = worker_.Stop()) Save(*bytes);
}

void StateFile::Save(const std::string& bytes) { Report(base::ReplaceFile(system_, path_, bytes)); }

void StateFile::Report(const absl::Status& status) {
  if (!status.ok() && !failing_) {
    spdlog::warn("cannot save the {}, a restart will lose it: {}", content_, std::string(status.message()));
  }
  failing_ = !status.ok();
}

}  // namespace agent_exporter::serve
