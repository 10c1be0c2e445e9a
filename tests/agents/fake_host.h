// A host made of literals: processes that a test starts, reaps, reparents and lets run, seen through the
// Tracker as a snapshot would show them. It keeps cutime as the kernel does, so accounting can be checked
// against the truth.

#ifndef AGENT_EXPORTER_TESTS_AGENTS_FAKE_HOST_H_
#define AGENT_EXPORTER_TESTS_AGENTS_FAKE_HOST_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agents/rules.h"
#include "agents/tracker.h"
#include "kernel/process.h"
#include "tests/agents/fake_facts.h"

namespace agent_exporter::agents {

class FakeHost {
 public:
  // The process table starts with pid 1, an init that waits for its children.
  FakeHost() { Add(1, 0, "init"); }

  void Add(pid_t pid, pid_t ppid, const std::string& comm) {
    kernel::ProcessStat stat;
    stat.key = {pid, ++now_};
    stat.ppid = ppid;
    stat.comm = comm;
    stat.state = 'S';
    stat.threads = 1;
    stat.start_stack = 0x7000'0000 + now_;
    processes_[pid] = stat;
  }
  // fork: comm and the stack are the parent's until exec.
  void Fork(pid_t pid, pid_t ppid) {
    Add(pid, ppid, processes_.at(ppid).comm);
    processes_[pid].start_stack = processes_.at(ppid).start_stack;
  }
  void Exec(pid_t pid, const std::string& comm) {
    processes_.at(pid).comm = comm;
    processes_.at(pid).start_stack = 0x7000'0000 + ++now_;
  }
  void Run(pid_t pid, int64_t user_ns, int64_t system_ns = 0) {
    processes_.at(pid).cpu += {user_ns, system_ns};
  }
  // exit: children go to `reaper`.
  void Exit(pid_t pid, pid_t reaper = 1) {
    processes_.at(pid).state = 'Z';
    for (auto& [child, stat] : processes_) {
      if (stat.ppid == pid) stat.ppid = reaper;
    }
  }
  // wait4: the dead child's time goes to its parent.
  void Reap(pid_t pid) {
    const kernel::ProcessStat child = processes_.at(pid);
    if (auto parent = processes_.find(child.ppid); parent != processes_.end()) {
      parent->second.children_cpu += child.cpu + child.children_cpu;
    }
    processes_.erase(pid);
  }
  void ExitAndReap(pid_t pid, pid_t reaper = 1) {
    Exit(pid, reaper);
    Reap(pid);
  }
  // As when the parent ignores SIGCHLD: the time goes nowhere.
  void Vanish(pid_t pid) {
    Exit(pid);
    processes_.erase(pid);
  }

  kernel::ProcessStat& at(pid_t pid) { return processes_.at(pid); }
  bool alive(pid_t pid) const { return processes_.count(pid) != 0; }
  // Tick of the newest process: everything added later started "after".
  uint64_t now() const { return now_; }

  std::vector<kernel::ProcessStat> Snapshot() const {
    std::vector<kernel::ProcessStat> rows;
    for (const auto& [pid, stat] : processes_) rows.push_back(stat);
    return rows;
  }

 private:
  uint64_t now_ = 0;
  std::map<pid_t, kernel::ProcessStat> processes_;
};

// A Tracker over a FakeHost; one rule per agent name, matching that comm exactly.
class TrackedHost {
 public:
  explicit TrackedHost(std::vector<Rule> rules, Tracker::Options options = {})
      : tracker_(
            options, *RuleSet::Make(std::move(rules)),
            [this](const kernel::ProcessStat& stat, const std::shared_ptr<const kernel::Program>& program) {
              const bool hidden = hide_arguments || unanswered;
              FakeFacts facts =
                  program ? Process(stat.comm, program->argv, program->path)
                          : Process(stat.comm, hidden ? std::vector<std::string>{} : std::vector{stat.comm});
              facts.uid_value = uid;
              facts.complete_value = !unanswered;
              if (const auto marks = environments.find(stat.key.pid); marks != environments.end())
                facts.environment_value = marks->second;
              return std::make_unique<FakeFacts>(std::move(facts));
            },
            [this](kernel::ProcessStat* stat) {
              ++confirmed;
              if (!host.alive(stat->key.pid)) return false;
              *stat = host.at(stat->key.pid);
              return true;
            }) {}

  static Rule CommRule(const std::string& name, Scope scope = Scope::kTree) {
    Rule rule;
    rule.name = name;
    rule.comm = {name};
    rule.scope = scope;
    rule.origin = "test";
    return rule;
  }

  void Look() { LookAt(host.Snapshot()); }
  void LookAt(std::vector<kernel::ProcessStat> rows, Walk walk = Walk::kFull) {
    time_ += 1;
    tracker_.Update(rows, walk, {.wall = time_, .monotonic = time_, .boottime = time_},
                    [this](const TrackedProcess& process) { gone.push_back(process.stat.key.pid); });
  }

  const TrackedProcess* Member(pid_t pid) const {
    for (const TrackedProcess* member : tracker_.members()) {
      if (member->stat.key.pid == pid) return member;
    }
    return nullptr;
  }
  std::string AgentOf(pid_t pid) const { return Member(pid) == nullptr ? "" : Member(pid)->group->name; }
  bool IsRoot(pid_t pid) const { return Member(pid) != nullptr && Member(pid)->role == Role::kRoot; }
  const AgentCounters& Counters(const std::string& name) const {
    for (const auto& [key, group] : tracker_.groups().groups()) {
      if (group->name == name) return group->counters;
    }
    static const AgentCounters kNone;
    return kNone;
  }
  Tracker& tracker() { return tracker_; }
  void PassTime(double seconds) { time_ += seconds; }

  FakeHost host;
  std::vector<pid_t> gone;
  int confirmed = 0;
  std::optional<uid_t> uid;  // of every process
  bool hide_arguments = false;
  std::map<pid_t, std::vector<std::string>> environments;
  bool unanswered = false;  // the kernel does not answer about arguments

 private:
  double time_ = 1000;
  Tracker tracker_;
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_TESTS_AGENTS_FAKE_HOST_H_
