#include "base/start_pages.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

namespace agent_exporter::base {
namespace {

constexpr size_t kPages = 64;
const size_t kSize = kPages * static_cast<size_t>(sysconf(_SC_PAGESIZE));

// A private mapping of a file that holds only 'f'.
class MappedFile {
 public:
  MappedFile() {
    char path[] = "/tmp/start_pages.XXXXXX";
    const int file = mkstemp(path);
    unlink(path);
    const std::string text(kSize, 'f');
    EXPECT_EQ(write(file, text.data(), kSize), static_cast<ssize_t>(kSize));
    bytes_ = static_cast<char*>(mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0));
    close(file);
  }
  ~MappedFile() { munmap(bytes_, kSize); }

  void MakeReadOnly() { EXPECT_EQ(mprotect(bytes_, kSize, PROT_READ), 0); }
  void ReadEveryPage() {
    EXPECT_EQ(std::count(bytes_, bytes_ + kSize, 'f') + std::count(bytes_, bytes_ + kSize, 'w'), kSize);
  }
  char* bytes() { return bytes_; }

  // "Rss:" of the mapping, in KiB.
  int ResidentKib() const {
    char first[40];
    snprintf(first, sizeof(first), "%lx-", reinterpret_cast<unsigned long>(bytes_));
    std::ifstream smaps("/proc/self/smaps");
    std::string line;
    bool here = false;
    while (std::getline(smaps, line)) {
      if (line.starts_with(first)) here = true;
      if (here && line.starts_with("Rss:")) return std::stoi(line.substr(4));
    }
    ADD_FAILURE() << "no mapping at " << first;
    return -1;
  }

 private:
  char* bytes_ = nullptr;
};

TEST(StartPagesTest, DropsCleanPages) {
  MappedFile file;
  file.MakeReadOnly();
  file.ReadEveryPage();
  ASSERT_EQ(file.ResidentKib(), kSize / 1024);
  GiveBackStartPages();
  EXPECT_EQ(file.ResidentKib(), 0);
  EXPECT_EQ(file.bytes()[kSize - 1], 'f') << "it comes back when it is read";
}

TEST(StartPagesTest, KeepsMappingsWithWrittenPages) {
  MappedFile relocated;
  relocated.bytes()[10] = 'w';
  relocated.MakeReadOnly();
  relocated.ReadEveryPage();
  GiveBackStartPages();
  EXPECT_EQ(relocated.bytes()[10], 'w');
  EXPECT_EQ(relocated.ResidentKib(), kSize / 1024);
}

TEST(StartPagesTest, KeepsWritableMappings) {
  MappedFile writable;
  writable.ReadEveryPage();
  GiveBackStartPages();
  EXPECT_EQ(writable.ResidentKib(), kSize / 1024);
}

}  // namespace
}  // namespace agent_exporter::base
