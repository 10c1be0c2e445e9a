// Takes over slots from `agent_exporter run`: checks that each process is the peer's own child, then has the
// sampler watch it.
//
// Ownership: borrows the sampler and the recorder, which must outlive this. Thread safety: one thread starts
// and destroys it.

#ifndef AGENT_EXPORTER_RUN_SLOT_SERVICE_H_
#define AGENT_EXPORTER_RUN_SLOT_SERVICE_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "run/flight_recorder.h"
#include "run/name_claims.h"
#include "run/slot_server.h"
#include "run/token_bucket.h"
#include "serve/sampler.h"
#include "sessions/session.h"

namespace agent_exporter::run {

struct SlotServiceOptions {
  std::string procfs;
  std::string socket;                 // a path, "auto" or "none"
  const NameClaims* names = nullptr;  // outlives the service; null: nobody's
};

class SlotService {
 public:
  // The newest of all sessions, never null.
  using Sessions = std::function<std::shared_ptr<const sessions::SessionsView>()>;

  // Listens at options.socket. Null if it is "none", or if it is "auto" and no path works, which is logged.
  // An error if a given path does not work. `answerer` answers the program's other commands.
  static absl::StatusOr<std::unique_ptr<SlotService>> Start(const SlotServiceOptions& options,
                                                            serve::Sampler& sampler,
                                                            const FlightRecorder& recorder, Sessions sessions,
                                                            Answerer answerer);

 private:
  SlotService(const SlotServiceOptions& options, serve::Sampler& sampler, const FlightRecorder& recorder,
              Sessions sessions, Answerer answerer, std::string path);

  absl::Status Watch(const SlotPeer& peer, const SlotRequest& request);
  // ResourceExhausted if too many processes of this user, or of all, are watched already.
  absl::Status CountWatched(const SlotPeer& peer, const kernel::ProcessKey& key);
  bool MayLog(const SlotPeer& peer);
  SlotReport End(const SlotRequest& request, const SlotEnd& end);

  const std::string procfs_;
  serve::Sampler& sampler_;
  const FlightRecorder& recorder_;
  const NameClaims* const names_;
  std::vector<std::pair<uid_t, kernel::ProcessKey>>
      watched_;            // of users who are not trusted; some may have ended
  TokenBucket log_lines_;  // about them
  SlotServer server_;      // last: its thread ends first
};

// The paths where serve listens and run looks, best first: `socket`, or for "auto" systemd's runtime
// directory, the user's, and /run/agent_exporter. Empty for "none".
std::vector<std::string> SlotSocketPaths(const std::string& socket, bool serving);

}  // namespace agent_exporter::run

#endif  // AGENT_EXPORTER_RUN_SLOT_SERVICE_H_
