#include "kernel/bpf_process_iterators.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <cerrno>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "base/errno_status.h"
#include "kernel/bpf_loading.h"
#include "kernel/rooted_reader.h"

namespace agent_exporter::kernel {
namespace {

constexpr const char* kWhat = "bpf iterator of one process";

absl::StatusOr<base::Descriptor> Pass(const base::Descriptor& link) {
  base::Descriptor pass(bpf_iter_create(link.get()));
  if (!pass.ok()) return base::ErrnoStatus(errno, kWhat);
  return pass;
}

}  // namespace

absl::StatusOr<base::Descriptor> ProcessIterators::Link(pid_t pid) {
  if (!supported_) return absl::UnimplementedError(kWhat);
  bpf_iter_link_info which{};
  which.task.pid = static_cast<__u32>(pid);
  bpf_link_create_opts options{};  // clang rejects LIBBPF_OPTS in C++
  options.sz = sizeof(options);
  options.iter_info = &which;
  options.iter_info_len = sizeof(which);
  base::Descriptor link(bpf_link_create(program_fd_, 0, BPF_TRACE_ITER, &options));
  if (link.ok()) return link;
  // Kernels without bpf_iter_link_info.task return one of these.
  supported_ = errno != E2BIG && errno != EINVAL && errno != EPERM;
  return supported_ ? base::ErrnoStatus(errno, kWhat) : absl::UnimplementedError(kWhat);
}

absl::StatusOr<base::Descriptor> ProcessIterators::Open(pid_t pid, bool hold) {
  if (const auto held = links_.find(pid); held != links_.end()) return Pass(held->second);
  absl::StatusOr<base::Descriptor> link = Link(pid);
  if (!link.ok()) return link;
  absl::StatusOr<base::Descriptor> pass = Pass(*link);
  if (hold && pass.ok() && links_.size() < max_held_) links_.emplace(pid, *std::move(link));
  return pass;
}

void ProcessIterators::KeepOnly(absl::Span<const ProcessKey> keys) {
  if (links_.size() <= keys.size()) return;
  absl::flat_hash_set<pid_t> wanted;
  for (const ProcessKey& key : keys) wanted.insert(key.pid);
  absl::erase_if(links_, [&wanted](const auto& link) { return !wanted.contains(link.first); });
}

}  // namespace agent_exporter::kernel
