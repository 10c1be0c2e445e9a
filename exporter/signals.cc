#include "exporter/signals.h"

#include <spdlog/spdlog.h>

namespace agent_exporter::exporter {

sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);  // a client that disconnects must not kill us
  return signals;
}

void WaitForEnd(const sigset_t& signals, const std::function<void()>& reload) {
  while (true) {
    int number = 0;
    if (sigwait(&signals, &number) != 0) continue;
    if (number != SIGHUP) {
      spdlog::info("received {}, exiting", number == SIGTERM ? "SIGTERM" : "SIGINT");
      return;
    }
    reload();
  }
}

}  // namespace agent_exporter::exporter
