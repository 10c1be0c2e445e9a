// Runs commands and posts to URLs when a snapshot differs from the one before, on a small pool of threads, so
// that no tick waits for them.
//
// A command gets AGENT_EXPORTER_HOOK, _AGENT, _TIMESTAMP and _DIFF_FIELDS (dotted keys, commas between) in
// its environment; a URL gets a POST. Both get the same JSON, a command on its standard input:
// {"agent", "timestamp", "diff_fields": [...], "snapshot": {...}}. For users: docs/hooks.md.
//
// A hook gets the changes of one agent in order, one at a time. With several hooks none may take all threads,
// so that one that hangs does not block the rest. If a hook's queue is full, changes are dropped and counted.
//
// Thread safety: all public methods may be called from any thread.

#ifndef AGENT_EXPORTER_SNAPSHOT_HOOKS_H_
#define AGENT_EXPORTER_SNAPSHOT_HOOKS_H_

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/descriptor.h"
#include "base/system.h"

namespace agent_exporter::snapshot {

inline constexpr std::chrono::milliseconds kHookCommandLimit{10'000};
inline constexpr std::chrono::milliseconds kHookUrlLimit{5'000};

// Either a command (argv, run without a shell) or a URL.
struct HookOptions {
  std::string name;  // for metrics and logs; unique
  std::vector<std::string> command;
  std::string url;                  // http:// or https://
  std::vector<std::string> agents;  // whose changes; a * at the end matches any rest; empty: all
  std::chrono::milliseconds time_limit = kHookCommandLimit;
};

// Called for each snapshot that differs from the one before. `diff` is {"agent", "timestamp", "diff_fields"}.
using DiffListener =
    std::function<void(const std::string& agent, const nlohmann::json& diff, const nlohmann::json& snapshot)>;

class HookPool {
 public:
  struct Limits {
    size_t threads = 4;
    size_t queue = 64;  // waiting changes of one hook
  };
  // Called with one line when a hook starts to fail.
  using Log = std::function<void(const std::string&)>;

  HookPool(std::vector<HookOptions> hooks, Log log) : HookPool(std::move(hooks), std::move(log), Limits()) {}
  HookPool(std::vector<HookOptions> hooks, Log log, Limits limits,
           base::System& system = base::System::Real());
  // Ends running hooks within about a second, and drops waiting ones.
  ~HookPool();
  HookPool(const HookPool&) = delete;
  HookPool& operator=(const HookPool&) = delete;

  // A DiffListener. Queues and returns at once. Starts the threads that do not run yet; if the system refuses
  // them, that is logged once, and each later call tries again.
  void Notify(const std::string& agent, const nlohmann::json& diff, const nlohmann::json& snapshot);

  // Waits until every queued change was handled, for a command that is about to end; returns at once if there
  // is no thread to handle them.
  void WaitUntilIdle() const;

  // Runs by (hook, result): ok, failed, timeout, dropped; every possible pair, from 0.
  std::map<std::pair<std::string, std::string>, uint64_t> Counts() const;

 private:
  struct Job {
    size_t hook = 0;
    std::string agent, timestamp, fields, body;
    bool running = false;
  };

  void StartThreads();
  void Loop();
  std::list<Job>::iterator NextJob();  // end() if none may start now
  absl::Status Run(const Job& job) const;
  void Finish(std::list<Job>::iterator job, const absl::Status& status);

  const std::vector<HookOptions> hooks_;
  const Log log_;
  const Limits limits_;
  base::System& system_;
  const base::Descriptor cancel_;  // an eventfd, readable once this ends

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool stopping_ = false;
  std::list<Job> jobs_;  // running and waiting, oldest first
  std::map<std::pair<std::string, std::string>, uint64_t> counts_;
  std::vector<bool> failing_;         // by hook, so that a failure is logged once
  std::vector<std::thread> threads_;  // only Notify and the destructor touch them
  bool refused_ = false;              // so that a refusal is logged once
};

}  // namespace agent_exporter::snapshot

#endif  // AGENT_EXPORTER_SNAPSHOT_HOOKS_H_
