#include "serve/pane_watch.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "base/tmux.h"

namespace agent_exporter::serve {

PaneWatch::PaneWatch(Options options, base::System& system) : options_(std::move(options)), system_(system) {}

PaneWatch::~PaneWatch() { Stop(); }

void PaneWatch::SetRules(const std::vector<agents::Rule>& rules) {
  std::vector<std::string> sockets;
  bool wanted = false;
  for (const agents::Rule& rule : rules) {
    wanted |= !rule.adopt.tmux_sessions.empty();
    if (rule.adopt.tmux_socket.find('/') != std::string::npos) sockets.push_back(rule.adopt.tmux_socket);
  }
  {
    const std::lock_guard lock(mutex_);
    wanted_ = wanted;
    sockets_ = sockets;
  }
  if (!wanted) return;
  List(sockets);
  if (started_) StartThread();
}

void PaneWatch::Start() {
  started_ = true;
  if (wanted_) StartThread();
}

void PaneWatch::StartThread() {
  if (thread_.joinable()) return;
  auto thread = system_.StartThread([this] { Loop(); });
  if (thread.ok()) {
    thread_ = *std::move(thread);
  } else {
    spdlog::error("tmux sessions that start later are not adopted: {}",
                  std::string(thread.status().message()));
  }
}

void PaneWatch::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void PaneWatch::Loop() {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, options_.interval, [this] { return stopping_; })) {
    if (!wanted_) continue;
    const std::vector<std::string> sockets = sockets_;
    lock.unlock();
    List(sockets);
    lock.lock();
  }
}

void PaneWatch::List(const std::vector<std::string>& sockets) {
  const std::lock_guard lock(list_mutex_);
  absl::StatusOr<Panes> panes = options_.list(sockets);
  if (!panes.ok() && !failing_) {
    spdlog::warn("cannot list tmux panes, new sessions are not adopted: {}",
                 std::string(panes.status().message()));
  }
  failing_ = !panes.ok();
  if (failing_ || *panes == panes_) return;
  panes_ = *std::move(panes);
  options_.changed(panes_);
}

absl::StatusOr<PaneWatch::Panes> ListPanes(const std::vector<std::string>& sockets) {
  auto list = base::ListTmux({.socket_root = base::TmuxSocketRoot(), .sockets = sockets});
  if (!list.ok()) return list.status();
  PaneWatch::Panes panes;
  for (base::TmuxPane& pane : list->panes) {
    if (pane.pid <= 0) continue;
    panes.push_back({.pid = pane.pid,
                     .server = pane.server_pid,
                     .socket = std::move(pane.socket),
                     .session = std::move(pane.session)});
  }
  return panes;
}

}  // namespace agent_exporter::serve
