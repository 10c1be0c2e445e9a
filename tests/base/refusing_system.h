// A system that refuses what a test tells it to.

#ifndef AGENT_EXPORTER_TESTS_BASE_REFUSING_SYSTEM_H_
#define AGENT_EXPORTER_TESTS_BASE_REFUSING_SYSTEM_H_

#include <cerrno>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/statusor.h"
#include "base/system.h"

namespace agent_exporter::base {

class RefusingSystem : public System {
 public:
  absl::StatusOr<std::thread> StartThread(std::function<void()> body) override {
    if (threads == 0) return absl::ResourceExhaustedError("no more threads");
    if (threads > 0) --threads;
    return System::StartThread(std::move(body));
  }
  ssize_t Write(int fd, const void* data, size_t size) override {
    if (room) return System::Write(fd, data, size);
    errno = ENOSPC;
    return -1;
  }
  int Rename(const std::string& from, const std::string& to) override {
    if (renames) return System::Rename(from, to);
    errno = EROFS;
    return -1;
  }

  int threads = -1;  // how many may still start; -1: any number
  bool room = true, renames = true;
};

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_TESTS_BASE_REFUSING_SYSTEM_H_
