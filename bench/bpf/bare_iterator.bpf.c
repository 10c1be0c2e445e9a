// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The least that a task iterator can do: who is there, and nothing read of anybody.

#include "../../kernel/bpf/kernel_types.h"
#include "../../kernel/bpf/records.h"

#include <bpf/bpf_helpers.h>

// What every loop has to pay: two numbers a task.
SEC("iter/task")
int two_numbers(struct bpf_iter__task *ctx) {
  struct task_struct *task = ctx->task;
  if (!task) return 0;
  __s32 ids[2] = {task->pid, task->tgid};
  bpf_seq_write(ctx->meta->seq, ids, sizeof(ids));
  return 0;
}

// As many bytes as kernel/bpf/snapshot.bpf.c hands out, so that copying can be told from reading.
SEC("iter/task")
int as_many_bytes(struct bpf_iter__task *ctx) {
  struct task_struct *task = ctx->task;
  if (!task) return 0;
  struct ae_process out = {.pid = task->pid, .ppid = task->tgid};
  bpf_seq_write(ctx->meta->seq, &out, sizeof(out));
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
