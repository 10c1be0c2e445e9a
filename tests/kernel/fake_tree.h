// A directory tree that a test writes as literals, to stand for /proc or /sys/fs/cgroup. It goes with its
// object.

#ifndef AGENT_EXPORTER_TESTS_KERNEL_FAKE_TREE_H_
#define AGENT_EXPORTER_TESTS_KERNEL_FAKE_TREE_H_

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace agent_exporter::kernel {

class FakeTree {
 public:
  FakeTree() {
    std::string pattern = (std::filesystem::temp_directory_path() / "agent_exporter_tree_XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) abort();
    root_ = pattern;
  }
  ~FakeTree() { std::filesystem::remove_all(root_); }
  FakeTree(const FakeTree&) = delete;
  FakeTree& operator=(const FakeTree&) = delete;

  const std::string& root() const { return root_; }

  void Write(const std::string& path, std::string_view text) const {
    const std::filesystem::path file = root_ + "/" + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
  }
  void Link(const std::string& path, const std::string& target) const {
    const std::filesystem::path file = root_ + "/" + path;
    std::filesystem::create_directories(file.parent_path());
    std::filesystem::create_symlink(target, file);
  }
  void MakeDirectory(const std::string& path) const {
    std::filesystem::create_directories(root_ + "/" + path);
  }
  void Remove(const std::string& path) const { std::filesystem::remove_all(root_ + "/" + path); }

 private:
  std::string root_;
};

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_TESTS_KERNEL_FAKE_TREE_H_
