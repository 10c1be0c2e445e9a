// The sampler: the one thread that looks at the kernel. It keeps its own ticks, from which ratios are taken,
// and looks once more whenever a scrape wants fresher figures than it has.
//
// Ownership: owns its Watch. Thread safety: all public methods may be called from any thread.

#ifndef AGENT_EXPORTER_SERVE_SAMPLER_H_
#define AGENT_EXPORTER_SERVE_SAMPLER_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "agents/observation.h"
#include "base/system.h"
#include "serve/watch.h"

namespace agent_exporter::serve {

class Sampler {
 public:
  using SteadyClock = std::chrono::steady_clock;

  // `now`: by which figures age.
  Sampler(std::unique_ptr<Watch> watch, std::chrono::milliseconds interval,
          std::function<SteadyClock::time_point()> now = SteadyClock::now);
  ~Sampler();  // stops

  // Called with the observation of every tick (the first included, not with what scrapes ask for in between),
  // on the thread that made it: must return at once and leave slow work to a thread of its own. Before Start
  // only.
  using Listener = std::function<void(const std::shared_ptr<const agents::Observation>&)>;
  void AddListener(Listener listener) { listeners_.push_back(std::move(listener)); }

  // Makes the first observation before it returns, so that there is always one. Its error is the reason not
  // to start.
  absl::Status Start(base::System& system = base::System::Real());
  void Stop();

  // Null where it is too old to be shown: older than three intervals, and than 10 s.
  std::shared_ptr<const agents::Observation> Latest();

  // An observation at most `max_age` old, made now if need be. Callers that ask at the same time share it.
  // When the kernel keeps the sampler longer than `patience` or cannot be read, Latest(); nobody waits for a
  // look that has taken that long already.
  std::shared_ptr<const agents::Observation> Fresh(std::chrono::milliseconds max_age,
                                                   std::chrono::milliseconds patience);

  // Of the latest figures, shown or not; empty: there are none yet.
  std::optional<double> AgeSeconds() const;

  // Runs `task` on the sampler's thread before the next look, which is made at once.
  void BeforeNextLook(std::function<void(agents::Observer&)> task);

  // Takes effect at the next look; the figures so far stay.
  void SetRules(agents::RuleSet rules);
  void SetInterval(std::chrono::milliseconds interval);

 private:
  void Loop();
  absl::Status Look(bool tick);
  // With mutex_ locked.
  std::shared_ptr<const agents::Observation> Shown();
  void NoteFailure(const absl::Status& status);
  void NoteHangingReads();

  const std::function<SteadyClock::time_point()> now_;
  std::unique_ptr<Watch> watch_;  // the sampler's thread only, once it runs

  mutable std::mutex mutex_;
  std::condition_variable work_;  // something for the thread to do
  std::condition_variable done_;  // a look has ended
  std::chrono::milliseconds interval_;
  std::shared_ptr<const agents::Observation> latest_;
  SteadyClock::time_point latest_time_;
  SteadyClock::time_point failed_time_;  // of the last look that failed: nobody waits for that one
  bool wanted_ = false;
  bool stopping_ = false;
  std::optional<SteadyClock::time_point> looking_since_;
  // So that a failure is logged once, not at every tick or scrape.
  bool failing_ = false;
  bool told_old_ = false;
  bool hanging_ = false;  // the sampler's thread only
  std::vector<std::function<void(agents::Observer&)>> tasks_;
  std::vector<Listener> listeners_;
  std::thread thread_;
};

}  // namespace agent_exporter::serve

#endif  // AGENT_EXPORTER_SERVE_SAMPLER_H_
