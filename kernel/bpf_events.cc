#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "events.skel.h"
#include "kernel/bpf/records.h"
#include "kernel/bpf_loading.h"
#include "kernel/bpf_makers.h"
#include "kernel/bpf_ring.h"
#include "kernel/parse_process.h"

namespace agent_exporter::kernel {
namespace {

class BpfEvents final : public ProcessEvents {
 public:
  BpfEvents(events_bpf* skeleton, bpf_link* mark, long clk_tck)
      : skeleton_(skeleton), mark_(mark), clk_tck_(clk_tck) {}
  ~BpfEvents() override {
    bpf_link__destroy(mark_);
    events_bpf__destroy(skeleton_);
  }

  absl::Status OpenRing() {
    const bpf_map* map = skeleton_->maps.events;
    auto ring = BpfRing::Open(bpf_map__fd(map), bpf_map__max_entries(map));
    if (ring.ok()) ring_ = *std::move(ring);
    return ring.status();
  }

  std::string_view name() const override { return "bpf"; }

  absl::Status Track(absl::Span<const ProcessKey> keys) override {
    const int wanted = bpf_map__fd(skeleton_->maps.wanted);
    const uint64_t tick_ns = 1'000'000'000 / static_cast<uint64_t>(clk_tck_);
    absl::Status status;
    for (const ProcessKey& key : keys) {
      const uint64_t start_ns = key.start_ticks * tick_ns;
      if (status.ok() && bpf_map_update_elem(wanted, &key.pid, &start_ns, BPF_ANY) != 0) {
        status = BpfStatus(errno, "requesting the events of a process");
      }
    }
    if (status.ok()) status = RunMark();
    // Also after an error: a leftover entry would mark the next process that gets the pid.
    for (const ProcessKey& key : keys) bpf_map_delete_elem(wanted, &key.pid);
    return status;
  }

  absl::Status Drain(std::vector<ProcessEvent>* events) override {
    __atomic_fetch_add(&skeleton_->bss->generation, 1, __ATOMIC_RELAXED);  // before reading: see events.bpf.c
    return ring_->Consume([&](const void* data, size_t size) { TakeEvent(data, size, events); });
  }

  uint64_t lost() override { return __atomic_load_n(&skeleton_->bss->lost, __ATOMIC_RELAXED); }

 private:
  // Reading the iterator to its end runs the program on every task.
  absl::Status RunMark() {
    const base::Descriptor iterator(bpf_iter_create(bpf_link__fd(mark_)));
    if (iterator.get() < 0) return BpfStatus(errno, "marking processes");
    char marked[4096];
    ssize_t got = 0;
    while ((got = read(iterator.get(), marked, sizeof(marked))) > 0 || (got < 0 && errno == EAGAIN)) {
    }
    return got < 0 ? BpfStatus(errno, "marking processes") : absl::OkStatus();
  }

  void TakeEvent(const void* data, size_t size, std::vector<ProcessEvent>* events) {
    if (size < sizeof(ae_event)) return;
    const auto& event = *static_cast<const ae_event*>(data);
    Append(event, events);
    if (event.kind == AE_EXEC) events->back().program = ProgramIn(data, size);
  }

  static std::shared_ptr<const Program> ProgramIn(const void* data, size_t size) {
    constexpr size_t kTextAt = offsetof(ae_exec, text);
    if (size < kTextAt) return nullptr;
    const auto& from = *static_cast<const ae_exec*>(data);
    std::string_view text(from.text, size - kTextAt);
    if (from.path_bytes > text.size() || from.argv_bytes > text.size() - from.path_bytes) return nullptr;
    auto program = std::make_shared<Program>();
    program->session = from.session;
    program->start_stack = from.start_stack;
    program->uid = from.uid;
    if (from.path_bytes < AE_MOST_PATH) program->path.assign(from.text, strnlen(from.text, from.path_bytes));
    program->argv = SplitAtNul(text.substr(from.path_bytes, from.argv_bytes));
    program->argv_cut = from.argv_cut != 0;
    return program;
  }

  void Append(const ae_event& from, std::vector<ProcessEvent>* events) {
    ProcessEvent event;
    switch (from.kind) {
      case AE_FORK:
        event.kind = ProcessEvent::Kind::kFork;
        break;
      case AE_EXEC:
        event.kind = ProcessEvent::Kind::kExec;
        break;
      case AE_EXIT:
        event.kind = ProcessEvent::Kind::kExit;
        break;
      case AE_FINAL_CPU:
        event.kind = ProcessEvent::Kind::kFinalCpu;
        break;
      case AE_OOM:
        event.kind = ProcessEvent::Kind::kOom;
        break;
      default:
        return;
    }
    event.key = {from.pid, StartTicks(from.start_ns, clk_tck_)};
    event.parent = from.parent;
    event.status = from.status;
    if (from.has_cpu != 0) {
      const CpuTimes own = SplitRuntime(from.runtime_ns, from.utime_ns, from.stime_ns);
      if (event.kind == ProcessEvent::Kind::kExit) event.used = own;
      if (event.kind == ProcessEvent::Kind::kFinalCpu || from.owed != 0) {
        event.cpu = LastCpu{own, CpuTimes{static_cast<int64_t>(from.children_utime_ns),
                                          static_cast<int64_t>(from.children_stime_ns)}};
      }
    }
    event.max_resident_bytes = from.max_rss_pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    event.tentative = from.tentative != 0;
    event.comm.assign(from.comm, strnlen(from.comm, sizeof(from.comm)));
    events->push_back(std::move(event));
  }

  events_bpf* skeleton_;
  bpf_link* mark_;
  const long clk_tck_;
  std::unique_ptr<BpfRing> ring_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ProcessEvents>> MakeBpfEvents(long clk_tck) {
  QuietLibbpf();
  if (absl::Status status = CheckBpf(); !status.ok()) return status;
  events_bpf* skeleton = events_bpf__open();
  if (skeleton == nullptr) return BpfStatus(errno, "opening the bpf event programs");
  bpf_program__set_autoattach(skeleton->progs.mark, false);  // run by hand
  int error = -events_bpf__load(skeleton);
  if (error == 0) error = -events_bpf__attach(skeleton);
  bpf_link* mark = error == 0 ? bpf_program__attach_iter(skeleton->progs.mark, nullptr) : nullptr;
  if (mark == nullptr) {
    if (error == 0) error = errno;
    events_bpf__destroy(skeleton);
    return BpfStatus(error, "loading the bpf event programs");
  }
  auto events = std::make_unique<BpfEvents>(skeleton, mark, clk_tck);
  if (absl::Status status = events->OpenRing(); !status.ok()) return status;
  return events;
}

}  // namespace agent_exporter::kernel
