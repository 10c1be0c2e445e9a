// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause Records that our BPF programs send to user space.
// Plain C, included by both sides.
//
// Units: nanoseconds, pages (memory), bytes (io). Pids are those of the first pid namespace, where the
// exporter must run to use BPF.

#ifndef AGENT_EXPORTER_KERNEL_BPF_RECORDS_H_
#define AGENT_EXPORTER_KERNEL_BPF_RECORDS_H_

enum ae_record_kind { AE_PROCESS = 1, AE_THREAD = 2 };

// One process: its group leader's figures plus those of its threads that ended.
struct ae_process {
  __u32 kind;
  __s32 pid;
  __s32 ppid;
  __s32 session;
  __u64 start_ns;  // since boot
  __u64 runtime_ns;
  __u64 utime_ns, stime_ns;  // as the kernel's clock counted them; runtime_ns is exact
  __u64 children_utime_ns, children_stime_ns;
  __u64 minor_faults, major_faults;
  __u64 virtual_pages;
  __u64 start_stack;
  __s64 rss_pages[4];  // file, anon, swap, shmem
  __u64 read_bytes, write_bytes;
  __u64 voluntary_switches, involuntary_switches;              // the main thread's
  __u64 other_voluntary_switches, other_involuntary_switches;  // ended threads'; the reader adds the living
  __u64 fd_limit;                                              // soft
  __u64 cgroup_id;
  __u32 other_states[5];  // filled in by the reader
  __u32 open_fds, max_fds;
  __u32 uid;
  __u32 flags;
  __u32 state;
  __u32 exit_state;
  __u32 threads;
  __u16 has_mm, has_files;
  char comm[16];
};

// One live thread other than the group leader: its share of the process' figures.
struct ae_thread {
  __u32 kind;
  __s32 pid;  // the process
  __u64 runtime_ns, utime_ns, stime_ns;
  __u64 minor_faults, major_faults;
  __u64 read_bytes, write_bytes;
  __u64 voluntary_switches, involuntary_switches;
  __u32 state;
  __u32 exit_state;
};

enum ae_event_kind {
  AE_FORK = 1,
  AE_EXEC = 2,       // an ae_exec
  AE_EXIT = 3,       // ended: status, peak memory
  AE_FINAL_CPU = 4,  // freed by the kernel: final CPU that no watched parent's cutime will show
  AE_OOM = 5,
};

struct ae_event {
  __u32 kind;
  __s32 pid;
  __s32 parent;  // AE_FORK: the process that forked; AE_EXEC: the parent
  __s32 status;  // AE_EXIT: as wait(2) gives it
  __u64 start_ns;
  // Sums over all threads. AE_FINAL_CPU includes exit work; AE_EXIT is as of the exit.
  __u64 runtime_ns, utime_ns, stime_ns;
  __u64 children_utime_ns, children_stime_ns;
  __u64 max_rss_pages;  // AE_EXIT
  char comm[16];        // AE_FORK, AE_EXEC
  __u32 has_cpu;
  __u32 owed;       // AE_EXIT: an AE_FINAL_CPU should follow
  __u32 tentative;  // AE_FORK: the child is a candidate
  __u32 unused;
};

enum { AE_MOST_PATH = 256, AE_MOST_ARGV = 512 };

// Only the used part of `text` is sent.
struct ae_exec {
  struct ae_event event;
  __u64 start_stack;
  __s32 session;
  __u32 uid;
  __u32 path_bytes;  // of `text`, with its NUL; AE_MOST_PATH: may be cut
  __u32 argv_bytes;  // of `text`, after the path
  __u32 argv_cut;    // argv was longer
  __u32 unused;
  char text[AE_MOST_PATH + AE_MOST_ARGV];
};

// A process whose events, and those of its descendants, are sent.
struct ae_tracked {
  __s32 pid;
  __u32 flags;
  __u64 start_ns;
  __u64 generation;  // candidates: the drain in which it became one
};

enum ae_tracked_flags {
  AE_EXITED = 1,       // AE_EXIT was sent
  AE_UNACCOUNTED = 2,  // no watched process will wait for it
  // It has just run execve, or its parent has. User space has not decided yet whether to watch it.
  AE_CANDIDATE = 4,
};

#endif  // AGENT_EXPORTER_KERNEL_BPF_RECORDS_H_
