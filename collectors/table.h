// The table of collectors: ROW(name, enabled by default, needs, help). `name` is also the name of the
// function in collectors/<name>.cc. There is no self-registration, because the linker drops that from a
// static library.

#ifndef AGENT_EXPORTER_COLLECTORS_TABLE_H_
#define AGENT_EXPORTER_COLLECTORS_TABLE_H_

// clang-format off
#define AGENT_EXPORTER_COLLECTORS(ROW)                                                                                \
  ROW(agent_self,    true,  kNothing,         "each agent's own processes: memory, threads, fds, CPU, uptime")        \
  ROW(exits,         true,  kNothing,         "how agents ended: category, time, and how full their limits were")           \
  ROW(slots,         true,  kNothing,         "each task slot: resident memory and CPU of its own process")              \
  ROW(descendants,   true,  kNothing,         "what runs below each agent: children, whole tree, orphans, CPU")       \
  ROW(commands,      true,  kNothing,         "what runs below each agent, by command: CPU, starts, failures, memory")  \
  ROW(memory,        true,  kMemoryParts,     "resident memory by type (anon, file, shmem) and swap")                 \
  ROW(limits,        true,  kNothing,         "the tightest real limit of fds, memory and pids, and how full it is")  \
  ROW(fd_kinds,      true,  kNothing,         "what the open fds of agents are that are short of them: pipes, sockets, files")  \
  ROW(leak,          true,  kNothing,         "leaks as the exporter judges them: severity, time left, who holds the limit")             \
  ROW(pid_cpu,       true,  kNothing,         "CPU ratio, memory and fds of each agent's busiest processes")          \
  ROW(page_faults,   true,  kNothing,         "minor and major page faults of each tree")                             \
  ROW(io,            false, kIo,              "storage bytes read and written by each tree")                          \
  ROW(scheduling,    false, kContextSwitches, "voluntary and involuntary context switches of each tree")              \
  ROW(host_memory,   true,  kNothing,         "the host's memory and OOM kills")                                      \
  ROW(fork_pressure, true,  kNothing,         "processes and threads against pid_max, threads-max and pids cgroups")  \
  ROW(load,          true,  kNothing,         "load averages")                                                        \
  ROW(pressure,      true,  kNothing,         "pressure stall information")                                           \
  ROW(host_fds,      true,  kNothing,         "the host's open file handles")                                         \
  ROW(named_processes, true, kNothing,        "the host's processes with the names in the configuration")      \
  ROW(exporter,      true,  kNothing,         "the exporter itself: source, unreadable files, process_* figures")
// clang-format on

#endif  // AGENT_EXPORTER_COLLECTORS_TABLE_H_
