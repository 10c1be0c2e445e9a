// Runs the hooks: passes an agent's events to commands and URLs, on a small pool of threads, so that no tick
// waits for them.
//
// A command gets AGENT_EXPORTER_HOOK, _EVENT, _AGENT, _TIMESTAMP and what the event adds in its environment;
// a URL gets a POST. Both get the same JSON, a command on its standard input: {"event", "agent", "timestamp"}
// and what the event adds. For users: docs/hooks.md.
//
// A hook gets the events of one agent in order, one at a time. With several hooks, none may use all threads,
// so a hook that hangs does not block the others. If a hook's queue is full, events are dropped and counted.
//
// Thread safety: all public methods may be called from any thread.

#ifndef AGENT_EXPORTER_HOOKS_HOOK_POOL_H_
#define AGENT_EXPORTER_HOOKS_HOOK_POOL_H_

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/descriptor.h"
#include "base/system.h"

namespace agent_exporter::hooks {

inline constexpr std::chrono::milliseconds kHookCommandLimit{10'000};
inline constexpr std::chrono::milliseconds kHookUrlLimit{5'000};

// Either a command (argv, run without a shell) or a URL.
struct HookOptions {
  std::string name;  // for metrics and logs; two hooks of one event have different names
  std::string on;    // the event it waits for: "on_diff", "on_leak", …, or the name of a condition
  std::vector<std::string> command;
  std::string url;                  // http:// or https://
  std::vector<std::string> agents;  // whose changes; a * at the end matches any rest; empty: all
  std::chrono::milliseconds time_limit = kHookCommandLimit;
};

// Something that happened to an agent.
struct HookEvent {
  std::string on;  // as HookOptions::on
  std::string agent;
  std::string timestamp;
  std::vector<std::pair<std::string, std::string>> environment;  // more variables, with their whole names
  nlohmann::json details = nlohmann::json::object();             // more members of the JSON
};

class HookPool {
 public:
  struct Limits {
    size_t threads = 4;
    size_t queue = 64;  // waiting events of one hook
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

  // Queues the event for each hook that waits for it, and returns at once. Starts the threads that do not run
  // yet; if the system refuses them, that is logged once, and each later call tries again.
  void Notify(const HookEvent& event);

  // Waits until every queued event was handled, for a command that is about to end; returns at once if there
  // is no thread to handle them.
  void WaitUntilIdle() const;

  // Runs by (hook, result): ok, failed, timeout, dropped; every possible pair, from 0.
  std::map<std::pair<std::string, std::string>, uint64_t> Counts() const;

 private:
  struct Job {
    size_t hook = 0;
    std::string agent, body;
    std::vector<std::pair<std::string, std::string>> environment;
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

  std::mutex starting_;  // held while threads start; guards threads_ and refused_
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool stopping_ = false;
  std::list<Job> jobs_;  // running and waiting, oldest first
  std::map<std::pair<std::string, std::string>, uint64_t> counts_;
  std::vector<bool> failing_;  // by hook, so that a failure is logged once
  std::vector<std::thread> threads_;
  bool refused_ = false;  // so that a refusal is logged once
};

}  // namespace agent_exporter::hooks

#endif  // AGENT_EXPORTER_HOOKS_HOOK_POOL_H_
