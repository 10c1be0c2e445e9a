// CPU of one snapshot of the host by the bpf source, beside that of bare iterator loops: one that reads the
// same fields and drops them, and two that read next to nothing.
//
//   snapshot_cpu PASSES
//
// Prints a line "WHAT BYTES MEDIAN_NANOSECONDS" for each: user and system time of this process per pass, the
// contenders taking turns. WHAT is "snapshot" (BYTES is then the number of processes), "same_fields"
// (kernel/bpf/snapshot.bpf.c), "two_numbers" or "as_many_bytes" (bare_iterator.bpf.c).

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/types.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bare_iterator.skel.h"
#include "base/descriptor.h"
#include "kernel/bpf_makers.h"
#include "kernel/procfs_source.h"
#include "kernel/rooted_reader.h"
#include "kernel/unreadable.h"
#include "snapshot.skel.h"

namespace agent_exporter::bench {
namespace {

struct Contender {
  std::string name;
  std::function<int64_t()> pass;  // negative: failed
  int64_t result = 0;
  std::vector<int64_t> nanos;
};

int64_t CpuNanos() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// As kernel/bpf_source.cc reads, less what is done with it.
int64_t ReadToEnd(const bpf_link* link) {
  static char buffer[256 * 1024];
  const base::Descriptor iterator(bpf_iter_create(bpf_link__fd(link)));
  if (!iterator.ok()) return -1;
  int64_t bytes = 0;
  ssize_t got = 0;
  while ((got = read(iterator.get(), buffer, sizeof(buffer))) > 0 || (got < 0 && errno == EAGAIN)) {
    bytes += std::max<ssize_t>(got, 0);
  }
  return got < 0 ? -1 : bytes;
}

int Run(int passes) {
  const kernel::RootedReader proc("/proc");
  kernel::Unreadable unreadable;
  const long ticks = sysconf(_SC_CLK_TCK);
  auto source =
      kernel::MakeBpfSource(std::make_unique<kernel::ProcfsSource>(proc, unreadable, ticks, 0), ticks);
  if (!source.ok()) {
    std::fprintf(stderr, "snapshot_cpu: %s\n", std::string(source.status().message()).c_str());
    return 1;
  }
  bare_iterator_bpf* bare = bare_iterator_bpf__open_and_load();
  bpf_link* two = bare == nullptr ? nullptr : bpf_program__attach_iter(bare->progs.two_numbers, nullptr);
  bpf_link* many = two == nullptr ? nullptr : bpf_program__attach_iter(bare->progs.as_many_bytes, nullptr);
  snapshot_bpf* same = many == nullptr ? nullptr : snapshot_bpf__open();
  bpf_link* fields = nullptr;
  if (same != nullptr) {
    same->rodata->cpu_count = static_cast<uint32_t>(libbpf_num_possible_cpus());
    if (snapshot_bpf__load(same) == 0) fields = bpf_program__attach_iter(same->progs.snapshot, nullptr);
  }
  if (fields == nullptr) {
    std::perror("snapshot_cpu: bare iterator");
    return 1;
  }

  std::vector<kernel::ProcessStat> rows;
  const auto snapshot = [&] {
    return (*source)->ReadAll(&rows).ok() ? static_cast<int64_t>(rows.size()) : -1;
  };
  Contender contenders[] = {{"snapshot", snapshot},
                            {"same_fields", [&] { return ReadToEnd(fields); }},
                            {"two_numbers", [&] { return ReadToEnd(two); }},
                            {"as_many_bytes", [&] { return ReadToEnd(many); }}};
  constexpr int kWarmUp = 3;
  for (int pass = -kWarmUp; pass < passes; ++pass) {
    for (Contender& contender : contenders) {
      const int64_t before = CpuNanos();
      contender.result = contender.pass();
      const int64_t used = CpuNanos() - before;
      if (contender.result < 0) {
        std::fprintf(stderr, "snapshot_cpu: %s failed\n", contender.name.c_str());
        return 1;
      }
      if (pass >= 0) contender.nanos.push_back(used);
    }
  }
  for (Contender& contender : contenders) {
    const auto middle = contender.nanos.begin() + static_cast<ptrdiff_t>(contender.nanos.size() / 2);
    std::nth_element(contender.nanos.begin(), middle, contender.nanos.end());
    std::printf("%s %lld %lld\n", contender.name.c_str(), static_cast<long long>(contender.result),
                static_cast<long long>(*middle));
  }
  bpf_link__destroy(fields);
  snapshot_bpf__destroy(same);
  bpf_link__destroy(many);
  bpf_link__destroy(two);
  bare_iterator_bpf__destroy(bare);
  return 0;
}

}  // namespace
}  // namespace agent_exporter::bench

int main(int argc, char** argv) {
  const int passes = argc == 2 ? std::atoi(argv[1]) : 0;
  if (passes < 1) {
    std::fputs("usage: snapshot_cpu PASSES\n", stderr);
    return 2;
  }
  return agent_exporter::bench::Run(passes);
}
