// Lists the tmux panes every five seconds where a rule adopts tmux sessions (agents/adoption.h), on a thread
// of its own, since that runs tmux. Without such a rule there is no thread and nothing runs.
//
// Thread safety: SetRules, Start and Stop from one thread.

#ifndef AGENT_EXPORTER_SERVE_PANE_WATCH_H_
#define AGENT_EXPORTER_SERVE_PANE_WATCH_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "agents/adoption.h"
#include "agents/rules.h"
#include "base/system.h"

namespace agent_exporter::serve {

class PaneWatch {
 public:
  using Panes = std::vector<agents::SessionPane>;
  struct Options {
    // May take seconds. `sockets`: paths that the rules name.
    std::function<absl::StatusOr<Panes>(const std::vector<std::string>& sockets)> list;
    std::function<void(Panes)> changed;  // called with each list that differs from the last one
    std::chrono::milliseconds interval{5000};
  };
  PaneWatch(Options options, base::System& system);
  ~PaneWatch();  // stops

  // Lists at once where a rule adopts sessions, so that the next look knows the panes.
  void SetRules(const std::vector<agents::Rule>& rules);
  // From now on lists go on.
  void Start();
  void Stop();

 private:
  void StartThread();
  void Loop();
  void List(const std::vector<std::string>& sockets);

  const Options options_;
  base::System& system_;
  std::mutex list_mutex_;  // one listing at a time
  Panes panes_;
  bool failing_ = false;
  bool started_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool wanted_ = false;  // by a rule
  bool stopping_ = false;
  std::vector<std::string> sockets_;
  std::thread thread_;
};

// What `list` is in production: our own user's servers (base/tmux.h).
absl::StatusOr<PaneWatch::Panes> ListPanes(const std::vector<std::string>& sockets);

}  // namespace agent_exporter::serve

#endif  // AGENT_EXPORTER_SERVE_PANE_WATCH_H_
