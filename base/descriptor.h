// Owns a file descriptor and closes it.
//
// Ownership: a move transfers it.
// Thread safety: none.

#ifndef AGENT_EXPORTER_BASE_DESCRIPTOR_H_
#define AGENT_EXPORTER_BASE_DESCRIPTOR_H_

#include <unistd.h>

#include <utility>

namespace agent_exporter::base {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      Close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { Close(); }

  bool ok() const { return fd_ >= 0; }
  int get() const { return fd_; }
  void Close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_DESCRIPTOR_H_
