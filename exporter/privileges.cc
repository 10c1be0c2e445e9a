#include "exporter/privileges.h"

#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/errno_status.h"

namespace agent_exporter::exporter {
namespace {

constexpr uint64_t Bit(int capability) { return uint64_t{1} << capability; }

// capget(2) and capset(2), which have no wrapper in glibc. The kernel splits 64 bits into two structs.
struct CapabilitySets {
  __user_cap_data_struct half[2] = {};

  long Call(long number) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    return syscall(number, &header, half);
  }
  bool Has(int capability) const { return (half[capability / 32].effective >> (capability % 32) & 1) != 0; }
  void Limit(uint64_t kept) {
    for (int i = 0; i < 2; ++i) {
      half[i].permitted &= static_cast<uint32_t>(kept >> (32 * i));
      half[i].effective = half[i].permitted;
      half[i].inheritable = 0;
    }
  }
};

absl::Status LimitBoundingSet(uint64_t kept) {
  for (int capability = 0; capability < 64; ++capability) {
    const int present = prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
    if (present < 0) break;  // the kernel has no more capabilities
    if (present == 0 || (kept & Bit(capability)) != 0) continue;
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0)
      return base::ErrnoStatus(errno, "dropping from the bounding set");
  }
  return absl::OkStatus();
}

bool IsLowPort(const std::string& address) {
  int port = 0;
  return absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port) && port > 0 && port < 1024;
}

}  // namespace

absl::Status DropPrivileges(const KeptPrivileges& kept) {
  // unshare(CLONE_THREAD) has no effect, but fails with EINVAL if there are other threads. If a sandbox
  // forbids the call, we do not know.
  if (unshare(CLONE_THREAD) != 0 && errno == EINVAL) {
    return absl::FailedPreconditionError("cannot drop privileges after threads have started");
  }
  uint64_t keep = Bit(CAP_SYS_PTRACE) | Bit(CAP_DAC_READ_SEARCH);
  if (kept.bpf) keep |= Bit(CAP_BPF);
  if (kept.bind_low_ports) keep |= Bit(CAP_NET_BIND_SERVICE);

  CapabilitySets sets;
  if (sets.Call(SYS_capget) != 0) return base::ErrnoStatus(errno, "capget");
  // Without CAP_SETPCAP we cannot change the bounding set; no_new_privs then has the same effect.
  if (sets.Has(CAP_SETPCAP)) {
    if (absl::Status status = LimitBoundingSet(keep); !status.ok()) return status;
  }
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) {
    return base::ErrnoStatus(errno, "clearing the ambient capabilities");
  }
  sets.Limit(keep);
  if (sets.Call(SYS_capset) != 0) return base::ErrnoStatus(errno, "capset");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return base::ErrnoStatus(errno, "setting no_new_privs");
  return absl::OkStatus();
}

bool NeedsBpfCapability(std::string_view kernel_release, std::string_view unprivileged_bpf_disabled) {
  if (unprivileged_bpf_disabled.empty() || unprivileged_bpf_disabled.front() == '0') return false;
  const std::vector<std::string> numbers =
      absl::StrSplit(absl::string_view(kernel_release.data(), kernel_release.size()), '.');
  int major = 0, minor = 0;
  if (numbers.size() < 2 || !absl::SimpleAtoi(numbers[0], &major) || !absl::SimpleAtoi(numbers[1], &minor))
    return true;
  return major < 5 || (major == 5 && minor < 19);
}

KeptPrivileges PrivilegesToKeep(const kernel::RootedReader& proc, const std::vector<std::string>& listen) {
  std::string release, unprivileged_bpf;
  const auto text = [&proc](const char* file, std::string* buffer) {
    const auto read = proc.Read(file, buffer);
    return read.ok() ? *read : std::string_view();
  };
  return {.bpf = NeedsBpfCapability(text("sys/kernel/osrelease", &release),
                                    text("sys/kernel/unprivileged_bpf_disabled", &unprivileged_bpf)),
          .bind_low_ports = std::any_of(listen.begin(), listen.end(), &IsLowPort)};
}

}  // namespace agent_exporter::exporter
