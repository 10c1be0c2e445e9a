// The protocols between a service and systemd: sd_notify(3), sd_listen_fds(3), systemd.exec(5)
// JOURNAL_STREAM. Nothing here has an effect if systemd did not start the process.
//
// Thread safety: any thread may notify; call the others before threads start, because they read the
// environment.

#ifndef AGENT_EXPORTER_BASE_SYSTEMD_H_
#define AGENT_EXPORTER_BASE_SYSTEMD_H_

#include <string>
#include <vector>

#include "base/descriptor.h"

namespace agent_exporter::base {

class Systemd {
 public:
  // Reads NOTIFY_SOCKET.
  Systemd();

  // Reports that start-up is done. `status` is one line for `systemctl status`.
  void Ready(const std::string& status) const;
  // Reports a reload, which lasts until the next Ready().
  void Reloading() const;
  void Stopping() const;

 private:
  void Notify(const std::string& message) const;

  std::string socket_;  // empty: not started by systemd
};

// The listening sockets from systemd (LISTEN_FDS), in the order of the unit. They are close-on-exec, and the
// variables are removed from the environment. A second call returns none.
std::vector<Descriptor> TakeListenSockets();

// Whether standard error goes to the journal, which reads a line's priority from "<N>" before it.
bool LogsToJournal();

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_SYSTEMD_H_
