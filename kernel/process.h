// Plain data about processes, as the kernel reports it. No behaviour, no I/O.
//
// Units, the same for every source:
//   times      nanoseconds (procfs counts ticks of 1/CLK_TCK s; the source converts them)
//   memory     bytes
//   start      clock ticks since boot, field 22 of /proc/<pid>/stat (proc(5))
// A figure that could not be read is an empty optional, never 0.
//
// Thread safety: values; as safe as any struct.

#ifndef AGENT_EXPORTER_KERNEL_PROCESS_H_
#define AGENT_EXPORTER_KERNEL_PROCESS_H_

#include <sys/types.h>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace agent_exporter::kernel {

// The longest name of a process: TASK_COMM_LEN minus its NUL (include/linux/sched.h).
inline constexpr size_t kCommBytes = 15;

// The identity of a process. A pid alone is never a key, because the kernel reuses it.
struct ProcessKey {
  pid_t pid = 0;
  uint64_t start_ticks = 0;

  friend auto operator<=>(const ProcessKey&, const ProcessKey&) = default;

  template <typename H>
  friend H AbslHashValue(H h, const ProcessKey& key) {
    return H::combine(std::move(h), key.pid, key.start_ticks);
  }
};

// CPU time by mode, in nanoseconds.
struct CpuTimes {
  int64_t user_ns = 0;
  int64_t system_ns = 0;

  int64_t total_ns() const { return user_ns + system_ns; }
  CpuTimes& operator+=(const CpuTimes& other) {
    user_ns += other.user_ns;
    system_ns += other.system_ns;
    return *this;
  }
  friend CpuTimes operator-(CpuTimes a, const CpuTimes& b) {
    return {a.user_ns - b.user_ns, a.system_ns - b.system_ns};
  }
  friend CpuTimes operator+(CpuTimes a, const CpuTimes& b) { return a += b; }
  friend bool operator==(const CpuTimes&, const CpuTimes&) = default;
};

// One row of a snapshot: what one read of /proc/<pid>/stat (or one BPF record) contains.
struct ProcessStat {
  ProcessKey key;
  pid_t ppid = 0;
  pid_t session = 0;  // pid of the session's leader, living or not (setsid(2)); 0: a kernel thread's
  std::string comm;   // raw bytes, at most kCommBytes for a user process; may hold anything but NUL
  char state = '?';   // R S D T t Z X I, as in proc(5)
  bool kernel_thread = false;
  uint32_t threads = 0;
  CpuTimes cpu;           // utime, stime: all threads, live and dead
  CpuTimes children_cpu;  // cutime, cstime: waited-for children, including their own
  uint64_t minor_faults = 0;
  uint64_t major_faults = 0;
  uint64_t virtual_bytes = 0;
  // The address of the start of the stack (field 28). Every exec sets a new one, so a change means exec even
  // if comm stays the same. 0 if this user may not see it.
  uint64_t start_stack = 0;
};

// Sums over all threads of a process.
struct ThreadFigures {
  std::array<uint32_t, 5> states{};  // the living, by StateIndex
  uint64_t voluntary_switches = 0;
  uint64_t involuntary_switches = 0;

  // R, S, D, Z, and any other letter.
  static constexpr size_t StateIndex(char letter) {
    return letter == 'R' ? 0 : letter == 'S' ? 1 : letter == 'D' ? 2 : letter == 'Z' ? 3 : 4;
  }
};

// Read only for watched processes, because each field costs a read.
struct ProcessUsage {
  std::optional<uint64_t> resident_bytes;  // VmRSS; a zombie has none
  std::optional<uint64_t> virtual_bytes;   // VmSize
  std::optional<uint64_t> anon_bytes;      // RssAnon
  std::optional<uint64_t> file_bytes;      // RssFile
  std::optional<uint64_t> shmem_bytes;     // RssShmem
  std::optional<uint64_t> swap_bytes;      // VmSwap
  std::optional<uint64_t> open_fds;
  std::optional<uint64_t> io_read_bytes;   // storage, not page cache: read_bytes of /proc/<pid>/io
  std::optional<uint64_t> io_write_bytes;  // write_bytes
  // Of the main thread only: /proc/<pid>/status does not sum over threads (fs/proc/array.c,
  // task_context_switch_counts).
  std::optional<uint64_t> voluntary_switches;
  std::optional<uint64_t> involuntary_switches;
  std::optional<ThreadFigures> threads;
  std::optional<uint64_t> fd_limit;  // soft RLIMIT_NOFILE
};

// Soft limits of one process; after a successful read an empty optional means "unlimited".
struct ProcessLimits {
  std::optional<uint64_t> open_files;
  std::optional<uint64_t> address_space_bytes;
  std::optional<uint64_t> processes;
};

}  // namespace agent_exporter::kernel

#endif  // AGENT_EXPORTER_KERNEL_PROCESS_H_
