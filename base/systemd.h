// What a service and systemd tell each other: sd_notify(3), sd_listen_fds(3), systemd.exec(5) JOURNAL_STREAM.
// All of it does nothing when systemd did not start the process.
//
// Thread safety: Notify from any thread; the others before threads start, since they read the environment.

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

  // Up and running. `status` is one line for `systemctl status`.
  void Ready(const std::string& status) const;
  // Until the next Ready().
  void Reloading() const;
  void Stopping() const;

 private:
  void Notify(const std::string& message) const;

  std::string socket_;  // empty: nobody is to be told
};

// The listening sockets that systemd hands over (LISTEN_FDS), in the order of the unit. They are closed on
// exec. Commands that this process starts do not see the variables. A second call returns none.
std::vector<Descriptor> TakeListenSockets();

// Whether standard error goes to the journal, which reads a line's priority from "<N>" before it.
bool LogsToJournal();

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_SYSTEMD_H_
