// The signals of the commands that serve: SIGTERM and SIGINT end them, SIGHUP re-reads the configuration.
//
// Thread safety: call both from the main thread, the first before any other thread starts.

#ifndef AGENT_EXPORTER_EXPORTER_SIGNALS_H_
#define AGENT_EXPORTER_EXPORTER_SIGNALS_H_

#include <csignal>
#include <functional>

namespace agent_exporter::exporter {

// Blocks the signals that we wait for in every thread, so that only WaitForEnd receives them.
sigset_t BlockSignals();

// Returns at SIGTERM or SIGINT; calls `reload` at each SIGHUP.
void WaitForEnd(const sigset_t& signals, const std::function<void()>& reload);

}  // namespace agent_exporter::exporter

#endif  // AGENT_EXPORTER_EXPORTER_SIGNALS_H_
