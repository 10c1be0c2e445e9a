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
  Sampler(std::unique_ptr<Watch> watch, std::chrono::milliseconds interval);
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

  std::shared_ptr<const agents::Observation> Latest() const;

  // An observation at most `max_age` old, made now if need be. Callers that ask at once share it. When the
  // kernel keeps the sampler longer than `patience` (a process that holds its memory map locked, say) or
  // cannot be read, the latest there is.
  std::shared_ptr<const agents::Observation> Fresh(std::chrono::milliseconds max_age,
                                                   std::chrono::milliseconds patience);

  // Runs `task` on the sampler's thread before the next look, which is made at once.
  void BeforeNextLook(std::function<void(agents::Observer&)> task);

  // Takes effect at the next look; the figures so far stay.
  void SetRules(agents::RuleSet rules);
  void SetInterval(std::chrono::milliseconds interval);

 private:
  using SteadyClock = std::chrono::steady_clock;

  void Loop();
  absl::Status Look(bool tick);

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
  bool failing_ = false;  // so that a failure is logged once, not at every tick
  std::vector<std::function<void(agents::Observer&)>> tasks_;
  std::vector<Listener> listeners_;
  std::thread thread_;
};

}  // namespace agent_exporter::serve

#endif  // AGENT_EXPORTER_SERVE_SAMPLER_H_
