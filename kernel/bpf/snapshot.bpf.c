// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Every process of the host in one read loop: a task iterator (kernel/bpf/task_iter.c, Linux 5.8).

#include "kernel_types.h"
#include "records.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

// Possible CPUs, set before loading: how many parts a percpu counter has.
const volatile __u32 cpu_count = 1;

// Where each CPU's copy of percpu data stands, relative to a percpu address. The kernel's own table (__per_cpu_offset) has no name
// that a program may use on every kernel, so it is taken from a percpu map of ours: an element's address on a CPU less
// the percpu address the map holds for it.
enum { MAX_CPUS = 512 };
__u64 cpu_offset[MAX_CPUS];
__u32 cpu_offsets_known = 0;

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} percpu_probe SEC(".maps");

// The address behind a pointer, as a number: the verifier lets a difference of two pointers be one, and a group
// leader's address stands in its group_leader.
static __always_inline __u64 address_of(const void *pointer, struct task_struct *leader) {
  __u64 distance = (__u64)pointer - (__u64)leader;
  barrier_var(distance);  // or the compiler adds before it subtracts
  return distance + (__u64)BPF_CORE_READ(leader, group_leader);
}

static __always_inline void learn_cpu_offsets(struct task_struct *leader) {
  const __u64 map_address = address_of(&percpu_probe, leader);
  __u64 percpu_address = 0;
  bpf_probe_read_kernel(&percpu_address, sizeof(percpu_address),
                        (void *)(map_address + bpf_core_field_offset(struct bpf_array, pptrs)));
  const __u32 key = 0;
  for (__u32 cpu = 0; cpu < MAX_CPUS && cpu < cpu_count; ++cpu) {
    void *element = bpf_map_lookup_percpu_elem(&percpu_probe, &key, cpu);
    if (!element) return;
    cpu_offset[cpu] = address_of(element, leader) - percpu_address;
  }
  cpu_offsets_known = 1;
}

// What the CPUs counted and did not yet add to `count`. The parts of an mm's counters stand side by side since 6.6, so that one
// read a CPU gets them all; helper calls are most of what a process costs here.
static __always_inline void add_cpu_parts(struct mm_struct *mm, __s64 *pages) {
  const __u64 base = (__u64)mm->rss_stat[0].counters;
  const bool side_by_side = (__u64)mm->rss_stat[1].counters == base + 4 &&
                            (__u64)mm->rss_stat[2].counters == base + 8 && (__u64)mm->rss_stat[3].counters == base + 12;
  for (__u32 cpu = 0; cpu < MAX_CPUS && cpu < cpu_count; ++cpu) {
    __s32 parts[4] = {};
    const __u64 offset = cpu_offset[cpu];
    if (side_by_side) {
      bpf_probe_read_kernel(parts, sizeof(parts), (void *)(base + offset));
    } else {
      bpf_probe_read_kernel(&parts[0], sizeof(parts[0]), (void *)((__u64)mm->rss_stat[0].counters + offset));
      bpf_probe_read_kernel(&parts[1], sizeof(parts[1]), (void *)((__u64)mm->rss_stat[1].counters + offset));
      bpf_probe_read_kernel(&parts[2], sizeof(parts[2]), (void *)((__u64)mm->rss_stat[2].counters + offset));
      bpf_probe_read_kernel(&parts[3], sizeof(parts[3]), (void *)((__u64)mm->rss_stat[3].counters + offset));
    }
    for (int i = 0; i < 4; ++i) pages[i] += parts[i];
  }
}

// The resident set counters' exact values. percpu_counter's own `count` lags by up to a batch per CPU, which is several per
// cent of a small process. Indices are literals: any other would step by the size of our struct, not the kernel's.
static __always_inline void rss_pages(struct mm_struct *mm, __s64 *pages) {
  if (bpf_core_field_exists(mm->rss_stat[0].counters)) {
    struct mm_struct *now = mm;
    barrier_var(now);
    pages[0] = now->rss_stat[0].count;
    pages[1] = now->rss_stat[1].count;
    pages[2] = now->rss_stat[2].count;
    pages[3] = now->rss_stat[3].count;
    add_cpu_parts(now, pages);
  } else {
    struct mm_struct___atomic *old = (void *)mm;
    barrier_var(old);  // keeps the compiler from moving the offset that does not exist out of this branch
    for (int i = 0; i < 4; ++i) pages[i] = BPF_CORE_READ(old, rss_stat.count[i].counter);
  }
  for (int i = 0; i < 4; ++i) {
    if (pages[i] < 0) pages[i] = 0;
  }
}

static __always_inline __u32 run_state(struct task_struct *task) {
  struct task_struct___new *now = (void *)task;
  if (bpf_core_field_exists(now->__state)) return now->__state;
  struct task_struct___old *old = (void *)task;
  barrier_var(old);
  return BPF_CORE_READ(old, state);
}

static __always_inline __u32 popcount(__u64 x) {
  x = x - ((x >> 1) & 0x5555555555555555ull);
  x = (x & 0x3333333333333333ull) + ((x >> 2) & 0x3333333333333333ull);
  x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0full;
  return (x * 0x0101010101010101ull) >> 56;
}

// Set bits of the table's first 64 x 512 descriptors; a larger table is left to procfs (max_fds says so). The loop has no
// branch on what it read and ends at the first short chunk: with either, 5.10's verifier runs into its limit of a million.
static __always_inline void count_fds(struct files_struct *files, struct ae_process *out) {
  struct fdtable *table = files->fdt;
  if (!table) return;
  out->max_fds = table->max_fds;
  unsigned long *bits = table->open_fds;
  const __u32 words = out->max_fds / 64;
  if (words == 1) {  // what a process starts with
    __u64 first = 0;
    bpf_probe_read_kernel(&first, sizeof(first), bits);
    out->open_fds = popcount(first);
    return;
  }
  __u32 count = 0;
  for (__u32 i = 0; i < 64; ++i) {
    if (i * 8 >= words) break;
    __u64 chunk[8] = {};
    __u64 size = (words - i * 8) * sizeof(chunk[0]);
    const bool last = size < sizeof(chunk);
    if (last) {
      barrier_var(size);  // or the compiler drops the mask, which is what tells the verifier
      size &= sizeof(chunk) - 1;
      bpf_probe_read_kernel(chunk, size, bits + i * 8);
    } else {
      bpf_probe_read_kernel(chunk, sizeof(chunk), bits + i * 8);
    }
    for (int k = 0; k < 8; ++k) count += popcount(chunk[k]);
    if (last) break;
  }
  out->open_fds = count;
}

static __always_inline void thread_record(struct seq_file *seq, struct task_struct *task, __s32 pid) {
  struct ae_thread out = {
      .kind = AE_THREAD,
      .pid = pid,
      .runtime_ns = task->se.sum_exec_runtime,
      .utime_ns = task->utime,
      .stime_ns = task->stime,
      .minor_faults = task->min_flt,
      .major_faults = task->maj_flt,
      .voluntary_switches = task->nvcsw,
      .involuntary_switches = task->nivcsw,
      .state = run_state(task),
      .exit_state = task->exit_state,
  };
  if (bpf_core_field_exists(task->ioac)) {
    out.read_bytes = task->ioac.read_bytes;
    out.write_bytes = task->ioac.write_bytes;
  }
  bpf_seq_write(seq, &out, sizeof(out));
}

SEC("iter/task")
int snapshot(struct bpf_iter__task *ctx) {
  struct task_struct *task = ctx->task;
  if (!task) return 0;
  const __s32 pid = task->tgid;
  struct seq_file *seq = ctx->meta->seq;
  if (task->pid != task->tgid) {
    thread_record(seq, task, pid);
    return 0;
  }
  // Only where rss_stat has them: the verifier drops the rest, whose helper came with 5.19.
  if (bpf_core_field_exists(task->mm->rss_stat[0].counters) && !cpu_offsets_known) learn_cpu_offsets(task);
  struct signal_struct *signal = task->signal;
  struct ae_process out = {
      .kind = AE_PROCESS,
      .pid = pid,
      .ppid = task->real_parent->tgid,
      .start_ns = task->start_boottime,
      .runtime_ns = task->se.sum_exec_runtime + signal->sum_sched_runtime,
      .utime_ns = task->utime + signal->utime,
      .stime_ns = task->stime + signal->stime,
      .children_utime_ns = signal->cutime,
      .children_stime_ns = signal->cstime,
      .minor_faults = task->min_flt + signal->min_flt,
      .major_faults = task->maj_flt + signal->maj_flt,
      .voluntary_switches = task->nvcsw,
      .involuntary_switches = task->nivcsw,
      .other_voluntary_switches = signal->nvcsw,
      .other_involuntary_switches = signal->nivcsw,
      .fd_limit = signal->rlim[RLIMIT_NOFILE].rlim_cur,
      .uid = task->cred->uid.val,
      .flags = task->flags,
      .state = run_state(task),
      .exit_state = task->exit_state,
      .threads = signal->nr_threads,
      .cgroup_id = task->cgroups->dfl_cgrp->kn->id,
  };
  if (bpf_core_field_exists(task->ioac)) {
    out.read_bytes = task->ioac.read_bytes + signal->ioac.read_bytes;
    out.write_bytes = task->ioac.write_bytes + signal->ioac.write_bytes;
  }
  struct pid *session = signal->pids[PIDTYPE_SID];
  if (session) out.session = session->numbers[0].nr;
  struct mm_struct *mm = task->mm;
  if (mm) {
    out.has_mm = 1;
    out.virtual_pages = mm->total_vm;
    out.start_stack = mm->start_stack;
    rss_pages(mm, out.rss_pages);
  }
  struct files_struct *files = task->files;
  if (files) {
    out.has_files = 1;
    count_fds(files, &out);
  }
  bpf_probe_read_kernel(out.comm, sizeof(out.comm), task->comm);
  bpf_seq_write(seq, &out, sizeof(out));
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
