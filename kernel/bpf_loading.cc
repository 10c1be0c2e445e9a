#include "kernel/bpf_loading.h"

#include <bpf/libbpf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <string>

#include "base/errno_status.h"
#include "kernel/bpf_makers.h"
#include "kernel/rooted_reader.h"

namespace agent_exporter::kernel {
namespace {

thread_local char last_message[512];

int KeepMessage(libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_WARN) std::vsnprintf(last_message, sizeof(last_message), format, arguments);
  return 0;
}

// The inode of the first pid namespace (include/linux/proc_ns.h, PROC_PID_INIT_INO).
constexpr ino_t kFirstPidNamespace = 0xEFFFFFFC;

}  // namespace

void QuietLibbpf() { libbpf_set_print(KeepMessage); }

std::string_view LastLibbpfMessage() {
  std::string_view message = last_message;
  while (!message.empty() && message.back() == '\n') message.remove_suffix(1);
  return message;
}

absl::Status BpfStatus(int error, std::string_view what) {
  absl::Status status = base::ErrnoStatus(error, what);
  if (LastLibbpfMessage().empty()) return status;
  return absl::Status(status.code(),
                      std::string(status.message()) + " (" + std::string(LastLibbpfMessage()) + ")");
}

CpuTimes SplitRuntime(uint64_t runtime_ns, uint64_t utime_ns, uint64_t stime_ns) {
  const auto runtime = static_cast<int64_t>(runtime_ns);
  if (stime_ns == 0) return {runtime, 0};
  if (utime_ns == 0) return {0, runtime};
  const double share = static_cast<double>(stime_ns) / static_cast<double>(utime_ns + stime_ns);
  const auto system = static_cast<int64_t>(static_cast<double>(runtime) * share);
  return {runtime - system, system};
}

uint64_t StartTicks(uint64_t start_ns, long clk_tck) {
  return start_ns / (1'000'000'000 / static_cast<uint64_t>(clk_tck));
}

absl::Status CheckBpf() {
  struct stat info{};
  if (stat("/sys/kernel/btf/vmlinux", &info) != 0) {
    return absl::UnimplementedError("this kernel has no BTF (/sys/kernel/btf/vmlinux)");
  }
  if (stat("/proc/self/ns/pid", &info) == 0 && info.st_ino != kFirstPidNamespace) {
    return absl::FailedPreconditionError(
        "the exporter runs in its own pid namespace; start it in the host's");
  }
  return absl::OkStatus();
}

}  // namespace agent_exporter::kernel
