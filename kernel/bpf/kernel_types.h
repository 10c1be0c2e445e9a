// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause The few kernel structs that our BPF programs look
// into, with only the fields they use. libbpf relocates every access against the running kernel's BTF (CO-RE,
// preserve_access_index), so only the names here matter, not offsets or order. A field that moved or changed
// its type has a flavour: a struct named <struct>___<what>, which libbpf treats as <struct>
// (https://docs.kernel.org/bpf/libbpf/libbpf_overview.html). No vmlinux.h is needed.

#ifndef AGENT_EXPORTER_KERNEL_BPF_KERNEL_TYPES_H_
#define AGENT_EXPORTER_KERNEL_BPF_KERNEL_TYPES_H_

typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;

enum { false = 0, true = 1 };

// Values of include/uapi/linux/bpf.h that bpf_helpers.h and the maps below need.
enum bpf_map_type_used {
  BPF_MAP_TYPE_HASH = 1,
  BPF_MAP_TYPE_ARRAY = 2,
  BPF_MAP_TYPE_PERCPU_ARRAY = 6,
  BPF_MAP_TYPE_RINGBUF = 27
};
enum { BPF_ANY = 0, BPF_NOEXIST = 1, BPF_F_NO_PREALLOC = 1, BPF_RB_NO_WAKEUP = 1 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
  __s64 counter;
} atomic64_t;

struct task_io_accounting {
  __u64 read_bytes;
  __u64 write_bytes;
};

// A process' signal handlers. The one for SIGCHLD says whether it waits for its children.
struct sigaction {
  void* sa_handler;
  unsigned long sa_flags;
};
struct k_sigaction {
  struct sigaction sa;
};
struct sighand_struct {
  struct k_sigaction action[64];
};

typedef struct {
  int counter;
} atomic_t;

// The number of a task, group or session in each pid namespace it is in, outermost first.
struct upid {
  int nr;
};
struct pid {
  struct upid numbers[1];
};
enum { PIDTYPE_SID = 3 };  // include/linux/pid.h

struct rlimit {
  unsigned long rlim_cur;
  unsigned long rlim_max;
};
enum { RLIMIT_NOFILE = 7, RLIM_NLIMITS = 16 };  // include/uapi/asm-generic/resource.h

struct signal_struct {
  struct pid* pids[4];
  atomic_t live;
  int nr_threads;
  int group_exit_code;
  unsigned int flags;
  __u64 utime, stime, cutime, cstime;
  unsigned long nvcsw, nivcsw, min_flt, maj_flt;
  unsigned long maxrss;
  struct task_io_accounting ioac;
  unsigned long long sum_sched_runtime;
  struct rlimit rlim[RLIM_NLIMITS];
};

// rss_stat: an array of percpu counters since 6.2, a struct of atomics before.
struct percpu_counter {
  __s64 count;
  __s32* counters;
};
struct mm_rss_stat {
  atomic64_t count[4];
};
struct mm_struct {
  unsigned long total_vm;
  unsigned long start_stack;
  unsigned long arg_start, arg_end;
  struct percpu_counter rss_stat[4];
};
struct mm_struct___atomic {
  struct mm_rss_stat rss_stat;
};

struct fdtable {
  unsigned int max_fds;
  unsigned long* open_fds;
};
struct files_struct {
  struct fdtable* fdt;
};

typedef struct {
  unsigned int val;
} kuid_t;
struct cred {
  kuid_t uid;
};

struct kernfs_node {
  __u64 id;
};
struct cgroup {
  struct kernfs_node* kn;
};
struct css_set {
  struct cgroup* dfl_cgrp;
};

struct sched_entity {
  __u64 sum_exec_runtime;
};

struct list_head {
  struct list_head *next, *prev;
};

// rq_clock's times of one task (CONFIG_SCHED_INFO).
struct sched_info {
  unsigned long long run_delay;  // waiting for a CPU
};

struct task_struct {
  int pid;
  int tgid;
  int exit_state;
  int exit_code;
  int exit_signal;
  unsigned int flags;
  struct task_struct* group_leader;
  struct task_struct* real_parent;
  struct list_head children;  // of this thread, by their `sibling`
  struct list_head sibling;
  struct sched_entity se;
  struct sched_info sched_info;
  __u64 utime, stime;
  __u64 start_time, start_boottime;
  unsigned long nvcsw, nivcsw, min_flt, maj_flt;
  struct mm_struct* mm;
  struct files_struct* files;
  struct signal_struct* signal;
  struct sighand_struct* sighand;
  const struct cred* cred;
  struct css_set* cgroups;
  struct task_io_accounting ioac;
  char comm[16];
};
// The run state: `state` until 5.13, `__state` since 5.14.
struct task_struct___new {
  unsigned int __state;
};
struct task_struct___old {
  long state;
};

// A percpu array map's values.
struct bpf_array {
  void* pptrs[1];
};

// The program that an execve starts.
struct linux_binprm {
  const char* interp;  // path of the file that the kernel runs: a script's interpreter
};

struct seq_file;
struct bpf_iter_meta {
  struct seq_file* seq;
};
struct bpf_iter__task {
  struct bpf_iter_meta* meta;
  struct task_struct* task;
};

#pragma clang attribute pop

struct bpf_raw_tracepoint_args {
  __u64 args[1];
};

#endif  // AGENT_EXPORTER_KERNEL_BPF_KERNEL_TYPES_H_
