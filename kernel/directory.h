// Walks a directory with getdents64(2) into the caller's buffer. On /proc this takes far fewer system calls
// than readdir, and it does not allocate.
//
// Thread safety: one caller per descriptor and buffer.

#ifndef AGENT_EXPORTER_KERNEL_DIRECTORY_H_
#define AGENT_EXPORTER_KERNEL_DIRECTORY_H_

#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>

namespace agent_exporter::kernel {

// Calls visit(name) for every entry, including "." and ".."; the name is a C string that is valid during the
// call. The buffer must not be empty. Returns 0, or the errno of the call that failed.
template <typename Visit>
int ForEachEntry(int dir_fd, std::string* buffer, Visit visit) {
  while (true) {
    const long size = ::syscall(SYS_getdents64, dir_fd, buffer->data(), buffer->size());
    if (size < 0) return errno;
    if (size == 0) return 0;
    for (long at = 0; at < size;) {
      // struct dirent64 has the layout that the kernel writes: linux_dirent64 of getdents(2).
      const auto* entry = reinterpret_cast<const struct dirent64*>(buffer->data() + at);
      visit(static_cast<const char*>(entry->d_name));
      at += entry->d_reclen;
    }
  }
}

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_DIRECTORY_H_
