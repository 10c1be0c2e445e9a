// A file that does not answer: a FIFO without a writer, which keeps whoever opens it for reading waiting, as
// a memory map that somebody holds or a dead mount does. It answers once told to, at the latest when it goes.

#ifndef AGENT_EXPORTER_TESTS_BASE_HANGING_FILE_H_
#define AGENT_EXPORTER_TESTS_BASE_HANGING_FILE_H_

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>

namespace agent_exporter::base {

class HangingFile {
 public:
  explicit HangingFile(std::string path) : path_(std::move(path)) {
    std::filesystem::create_directories(std::filesystem::path(path_).parent_path());
    if (::mkfifo(path_.c_str(), 0600) != 0) abort();
  }
  ~HangingFile() { Answer(""); }
  HangingFile(const HangingFile&) = delete;
  HangingFile& operator=(const HangingFile&) = delete;

  // Those who wait read nothing; from now on it is a file of `text`.
  void Answer(std::string_view text) {
    if (std::exchange(answered_, true)) return;
    const int writer = ::open(path_.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);  // fails where nobody waits
    std::ofstream(path_ + ".new", std::ios::binary) << text;
    std::filesystem::rename(path_ + ".new", path_);
    if (writer >= 0) ::close(writer);
  }

 private:
  const std::string path_;
  bool answered_ = false;
};

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_TESTS_BASE_HANGING_FILE_H_
