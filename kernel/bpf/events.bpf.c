// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Fork, exec and exit of the processes that are watched, into a ring buffer.
//
// `tracked` holds the watched processes. Fork copies the entry from parent to child, so a child that lives 2 ms is known
// without anybody looking; a process that nobody watches costs one hash miss.
//
// Whoever runs execve may have become an agent, which only user space can tell. Until it has had the time to decide, such a
// process is a candidate: its events and its children's are sent as if it were watched. `generation` counts the times that
// user space has read the ring; a candidate that is two generations old and was not taken into `wanted` is nobody's.
//
// The key is the address of the
// process' signal_struct: one for all threads, the same across execve by any thread, and not used again before
// sched_process_free has run for its leader. A pid is none of that: it is handed out again before that RCU-delayed hook.
//
// Where a dying process' CPU is read decides the accuracy. At sched_process_exit the exit work is still to come and the runtime of the
// last tick is not in. When a parent waits for the child, the kernel adds the final figure to the parent's cutime, which
// user space reads anyway: nothing to send. Where no watched parent will (SIGCHLD ignored, an orphan), the figure is sent from
// sched_process_free of the group leader, where signal->sum_sched_runtime is final. Linux 6.18 does not run that hook for every
// task: none is missed of most thousands, then ten in a row. So the event of the exit, which is never missed, brings what is
// known by then, for want of better; and for those that are waited for, to tell whose CPU the parent's cutime shows.

#include "kernel_types.h"
#include "records.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

enum { SIGNAL_GROUP_EXIT = 4 };  // include/linux/sched/signal.h
enum { MOST_ZOMBIES = 256, LONGEST_TICK_NS = 10000000 };  // the first for the verifier; HZ is 100 at least
enum { SIGCHLD = 17, SA_NOCLDWAIT = 2, SIG_IGN = 1 };

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 65536);
  __type(key, __u64);
  __type(value, struct ae_tracked);
} tracked SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4 << 20);  // between two looks some 10,000 process lives, 6,000 with an exec each
} events SEC(".maps");

// Pids that user space asks to have tracked; see `mark`.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 65536);
  __type(key, __s32);
  __type(value, __u64);  // start time, ns since boot, to the 10 ms
} wanted SEC(".maps");

// Events that found no room, and children that the hash had no room for.
__u64 lost = 0;

// Counted up by user space before it reads the ring.
__u64 generation = 0;
enum { LIVES_OF_A_CANDIDATE = 2 };

// Where an exec's record is put together.
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct ae_exec);
} exec_record SEC(".maps");

static __always_inline struct ae_event *reserve(__u32 kind) {
  struct ae_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
  if (!event) {
    __sync_fetch_and_add(&lost, 1);
    return 0;
  }
  event->kind = kind;
  event->parent = 0;
  event->status = 0;
  event->has_cpu = 0;
  event->owed = 0;
  event->tentative = 0;
  event->max_rss_pages = 0;
  event->comm[0] = 0;
  return event;
}

// An entry that says "exited" of somebody who is there was left by sched_process_free: its address has a new owner.
static __always_inline bool is_alive(struct ae_tracked *entry) { return entry && !(entry->flags & AE_EXITED); }

// Whether anybody wants to know what it does.
static __always_inline bool is_wanted(struct ae_tracked *entry) {
  return !(entry->flags & AE_CANDIDATE) || generation - entry->generation <= LIVES_OF_A_CANDIDATE;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child) {
  __u64 parent_key = (__u64)parent->signal;
  __u64 child_key = (__u64)child->signal;
  if (parent_key == child_key) return 0;  // a thread
  struct ae_tracked *above = bpf_map_lookup_elem(&tracked, &parent_key);
  if (!is_alive(above) || !is_wanted(above)) return 0;
  struct ae_tracked entry = {.pid = child->tgid,
                             .flags = above->flags & AE_CANDIDATE,
                             .start_ns = child->start_boottime,
                             .generation = above->generation};
  if (bpf_map_update_elem(&tracked, &child_key, &entry, BPF_ANY)) {
    __sync_fetch_and_add(&lost, 1);
    return 0;
  }
  struct ae_event *event = reserve(AE_FORK);
  if (!event) return 0;
  event->pid = entry.pid;
  event->parent = above->pid;
  event->tentative = entry.flags & AE_CANDIDATE;
  event->start_ns = entry.start_ns;
  bpf_probe_read_kernel(event->comm, sizeof(event->comm), child->comm);
  bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
  return 0;
}

// Makes `task` a candidate, unless it is watched.
static __always_inline void nominate(struct task_struct *task) {
  __u64 key = (__u64)task->signal;
  struct ae_tracked *known = bpf_map_lookup_elem(&tracked, &key);
  if (is_alive(known)) {
    known->generation = generation;
    return;
  }
  struct ae_tracked entry = {.pid = task->tgid,
                             .flags = AE_CANDIDATE,
                             .start_ns = task->group_leader->start_boottime,
                             .generation = generation};
  if (bpf_map_update_elem(&tracked, &key, &entry, BPF_ANY)) __sync_fetch_and_add(&lost, 1);
}

// Every exec of the host is sent, with all that tells who it is: once user space reads it, the process may be gone.
SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm) {
  nominate(task);
  __u32 zero = 0;
  struct ae_exec *exec = bpf_map_lookup_elem(&exec_record, &zero);
  if (!exec) return 0;
  exec->event.kind = AE_EXEC;
  exec->event.pid = task->tgid;
  exec->event.parent = BPF_CORE_READ(task, real_parent, tgid);
  exec->event.start_ns = task->group_leader->start_boottime;
  bpf_probe_read_kernel(exec->event.comm, sizeof(exec->event.comm), task->comm);
  exec->session = BPF_CORE_READ(task, signal, pids[PIDTYPE_SID], numbers[0].nr);
  exec->uid = BPF_CORE_READ(task, cred, uid.val);
  exec->start_stack = BPF_CORE_READ(task, mm, start_stack);
  __u64 arg_start = BPF_CORE_READ(task, mm, arg_start);
  __u64 argv_bytes = BPF_CORE_READ(task, mm, arg_end) - arg_start;
  long path_bytes = bpf_probe_read_kernel_str(exec->text, AE_MOST_PATH, bprm->interp);
  if (path_bytes < 0 || path_bytes > AE_MOST_PATH) path_bytes = 0;
  exec->argv_cut = argv_bytes > AE_MOST_ARGV;
  if (argv_bytes > AE_MOST_ARGV) argv_bytes = AE_MOST_ARGV;
  if (bpf_probe_read_user(exec->text + path_bytes, argv_bytes, (void *)arg_start)) {
    exec->argv_cut = 1;
    argv_bytes = 0;
  }
  exec->path_bytes = path_bytes;
  exec->argv_bytes = argv_bytes;
  __u64 size = sizeof(*exec) - sizeof(exec->text) + path_bytes + argv_bytes;
  if (size > sizeof(*exec)) return 0;  // for the verifier
  if (bpf_ringbuf_output(&events, exec, size, BPF_RB_NO_WAKEUP)) __sync_fetch_and_add(&lost, 1);
  return 0;
}

// Whether a watched parent will wait for `task`, so that its CPU shows in that parent's cutime.
static __always_inline bool is_waited_for(struct task_struct *task) {
  struct task_struct *parent = task->real_parent;
  __u64 parent_key = (__u64)parent->signal;
  struct ae_tracked *entry = bpf_map_lookup_elem(&tracked, &parent_key);
  // Nobody may ever look at a candidate. Should it be watched after all, user space counts what comes both ways once.
  if (!is_alive(entry) || entry->flags & AE_CANDIDATE) return false;
  unsigned long handler = (unsigned long)BPF_CORE_READ(parent, sighand, action[SIGCHLD - 1].sa.sa_handler);
  unsigned long flags = BPF_CORE_READ(parent, sighand, action[SIGCHLD - 1].sa.sa_flags);
  return handler != SIG_IGN && !(flags & SA_NOCLDWAIT);
}

// Of the threads that the kernel let go of, and of their children.
static __always_inline void set_cpu(struct ae_event *event, struct signal_struct *signal) {
  event->has_cpu = 1;
  event->runtime_ns = signal->sum_sched_runtime;
  event->utime_ns = signal->utime;
  event->stime_ns = signal->stime;
  event->children_utime_ns = signal->cutime;
  event->children_stime_ns = signal->cstime;
}

// Not by plain loads: clang shares one among the callers, and verifiers before 6.0 refuse an instruction that two kinds of
// pointers reach.
static __always_inline void add_thread(struct ae_event *event, struct task_struct *task) {
  event->runtime_ns += BPF_CORE_READ(task, se.sum_exec_runtime);
  event->utime_ns += BPF_CORE_READ(task, utime);
  event->stime_ns += BPF_CORE_READ(task, stime);
}

// What `task`, which runs, used since its last tick: known where it never slept, as its life less its waiting for a CPU.
static __always_inline __u64 since_last_tick(struct task_struct *task, struct signal_struct *signal) {
  if (task->nvcsw || signal->sum_sched_runtime || !bpf_core_field_exists(task->sched_info)) return 0;
  __s64 rest = bpf_ktime_get_ns() - task->start_time - task->sched_info.run_delay - task->se.sum_exec_runtime;
  return rest < 0 ? 0 : rest > LONGEST_TICK_NS ? LONGEST_TICK_NS : rest;
}

// The zombies below `parent`, which ends without having waited for them: its cutime never shows them.
static __always_inline void abandon_zombies(struct task_struct *parent) {
  void *end = (void *)parent + bpf_core_field_offset(struct task_struct, children);
  void *at = BPF_CORE_READ(parent, children.next);
  for (int i = 0; i < MOST_ZOMBIES && at != end; ++i) {
    struct task_struct *child = at - bpf_core_field_offset(struct task_struct, sibling);
    __u64 key = (__u64)BPF_CORE_READ(child, signal);
    struct ae_tracked *entry = bpf_map_lookup_elem(&tracked, &key);
    if (entry && entry->flags & AE_EXITED) entry->flags |= AE_UNACCOUNTED;
    at = BPF_CORE_READ(child, sibling.next);
  }
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task) {
  struct signal_struct *signal = task->signal;
  if (signal->live.counter != 0) return 0;  // other threads go on
  __u64 key = (__u64)signal;
  struct ae_tracked *entry = bpf_map_lookup_elem(&tracked, &key);
  if (!entry || entry->flags & AE_EXITED) return 0;
  if (!is_wanted(entry)) {
    entry->flags |= AE_EXITED;
    return 0;
  }
  abandon_zombies(task);
  struct task_struct *leader = task->group_leader;
  entry->flags |= is_waited_for(leader) ? AE_EXITED : AE_EXITED | AE_UNACCOUNTED;
  struct ae_event *event = reserve(AE_EXIT);
  if (!event) return 0;
  event->pid = entry->pid;
  event->start_ns = entry->start_ns;
  event->status = signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code : leader->exit_code;
  event->max_rss_pages = signal->maxrss;
  event->owed = !!(entry->flags & AE_UNACCOUNTED);
  set_cpu(event, signal);
  add_thread(event, task);
  if (task == leader) {
    event->runtime_ns += since_last_tick(task, signal);
  } else {
    add_thread(event, leader);
  }
  bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
  return 0;
}

SEC("tp_btf/sched_process_free")
int BPF_PROG(on_free, struct task_struct *task) {
  if (task->exit_signal < 0) return 0;  // not a group leader
  struct signal_struct *signal = task->signal;
  __u64 key = (__u64)signal;
  struct ae_tracked *entry = bpf_map_lookup_elem(&tracked, &key);
  if (!entry) return 0;
  if (entry->flags & AE_UNACCOUNTED) {
    struct ae_event *event = reserve(AE_FINAL_CPU);
    if (event) {
      event->pid = entry->pid;
      event->start_ns = entry->start_ns;
      set_cpu(event, signal);
      bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
    }
  }
  bpf_map_delete_elem(&tracked, &key);
  return 0;
}

// A raw tracepoint, since its argument is the victim's pid until 6.8 and the victim since then; an address tells itself apart.
SEC("raw_tp/mark_victim")
int on_oom(struct bpf_raw_tracepoint_args *ctx) {
  __u64 argument = ctx->args[0];
  struct ae_event *event = reserve(AE_OOM);
  if (!event) return 0;
  event->pid = (__s32)argument;
  event->start_ns = 0;
  if (argument >> 32) {
    struct task_struct *victim = (void *)argument;
    event->pid = BPF_CORE_READ(victim, tgid);
    event->start_ns = BPF_CORE_READ(victim, group_leader, start_boottime);
  }
  bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
  return 0;
}

// Enters the processes in `wanted` into `tracked`. User space cannot: it does not know the key.
SEC("iter/task")
int mark(struct bpf_iter__task *ctx) {
  struct task_struct *task = ctx->task;
  if (!task || task->pid != task->tgid) return 0;
  __s32 pid = task->tgid;
  __u64 *start = bpf_map_lookup_elem(&wanted, &pid);
  if (!start || *start / 10000000 != task->start_boottime / 10000000) return 0;
  __u64 key = (__u64)task->signal;
  struct ae_tracked *known = bpf_map_lookup_elem(&tracked, &key);
  if (known && known->start_ns == task->start_boottime) {
    known->flags &= ~AE_CANDIDATE;
  } else {
    struct ae_tracked entry = {.pid = pid, .start_ns = task->start_boottime};
    bpf_map_update_elem(&tracked, &key, &entry, BPF_ANY);
  }
  bpf_seq_write(ctx->meta->seq, &pid, sizeof(pid));
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
