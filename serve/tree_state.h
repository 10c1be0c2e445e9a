// Keeps who belongs to which agent over the exporter's own restarts (agents/remembered.h), in tree.state of
// the state directory. Saved with the tick that finds another root or orphan, so that a kill -9 loses a
// second at most; every ten seconds where only other descendants have changed.
//
// The file is JSON with a version. One of another boot is ignored, since its processes are gone; one that
// cannot be understood is renamed to tree.state.bad, with one log line.
//
// Ownership: borrows the observer, which belongs to the sampler's thread.
// Thread safety: Load before that thread starts, OnTick on it, Finish after it has ended.

#ifndef AGENT_EXPORTER_SERVE_TREE_STATE_H_
#define AGENT_EXPORTER_SERVE_TREE_STATE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agents/observer.h"
#include "base/system.h"
#include "serve/state_file.h"

namespace agent_exporter::serve {

std::string EncodeTreeState(const std::vector<agents::Remembered>& memory, std::string_view boot_id);
// InvalidArgument: not one of this version, or damaged. Empty for another boot's.
absl::StatusOr<std::vector<agents::Remembered>> DecodeTreeState(std::string_view text,
                                                                std::string_view boot_id);

class TreeState {
 public:
  // `directory` exists. `boot_id`: /proc/sys/kernel/random/boot_id.
  TreeState(const std::string& directory, agents::Observer& observer, std::string boot_id,
            base::System& system);

  void Load();
  void OnTick(double now);  // monotonic seconds
  // Saves a last time.
  void Finish();

 private:
  agents::Observer& observer_;
  const std::string boot_id_;
  StateFile file_;
  std::vector<agents::Remembered> saved_;
  double saved_at_ = -1e9;
};

}  // namespace agent_exporter::serve

#endif  // AGENT_EXPORTER_SERVE_TREE_STATE_H_
