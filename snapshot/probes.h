// Lists the sessions of tmux and screen. Each program runs at most once per snapshot, on the snapshot thread,
// never during a scrape.
//
// Thread safety: free functions; safe from any thread.

#ifndef AGENT_EXPORTER_SNAPSHOT_PROBES_H_
#define AGENT_EXPORTER_SNAPSHOT_PROBES_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/tmux.h"

namespace agent_exporter::snapshot {

struct ProbeOptions {
  std::string tmux = "tmux";
  std::string screen = "screen";
  std::string tmux_socket_root = base::TmuxSocketRoot();
  std::chrono::milliseconds time_limit{3000};
  int cancel_fd = -1;  // as BoundedCommand::cancel_fd
};

struct ProbeResults {
  // Empty: not installed, or it failed, or only other users' servers run, which we do not ask.
  std::optional<base::TmuxList> tmux;
  // Live sessions of our own user. Empty: not installed, or it failed.
  std::optional<uint64_t> screen_sessions;
  // Which installed programs failed: "tmux: …", "screen: …".
  std::vector<std::string> failures;
};

ProbeResults RunProbes(const ProbeOptions& options);

// Live sessions in the output of `screen -ls`; InvalidArgument for a text that is not such a list.
absl::StatusOr<uint64_t> ParseScreenList(std::string_view text);

}  // namespace agent_exporter::snapshot

#endif  // AGENT_EXPORTER_SNAPSHOT_PROBES_H_
