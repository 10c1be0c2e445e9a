// Keeps the leak evidence over the exporter's own restarts, in one file of the state directory.
//
// Written every five minutes and at the end, by temporary file and rename, on a thread of its own: the
// sampler only copies. Whatever goes wrong is one log line; evidence is then gathered anew.
//
// Ownership: borrows the book, which belongs to the sampler's thread; the destructor does not touch it.
// Thread safety: Load before that thread starts, OnTick on it, Finish after it has ended.

#ifndef AGENT_EXPORTER_SERVE_LEAK_STATE_H_
#define AGENT_EXPORTER_SERVE_LEAK_STATE_H_

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "agents/leak_book.h"
#include "base/system.h"

namespace agent_exporter::serve {

class LeakState {
 public:
  static constexpr double kSaveSeconds = 300;

  // `directory` exists. `boot_time`: seconds since the epoch.
  LeakState(std::string directory, agents::LeakBook& book, double boot_time, base::System& system);
  ~LeakState();
  LeakState(const LeakState&) = delete;
  LeakState& operator=(const LeakState&) = delete;

  // Takes up what was saved. Another version's state is passed over and replaced at the next save; a file
  // that is no such state is set aside as leak.state.bad. Either is one log line.
  void Load();
  // Saves when it is time. `now`: monotonic seconds.
  void OnTick(double now);
  // Saves a last time.
  void Finish();

 private:
  void SaveLater(std::string bytes);
  void Stop();
  void Write();
  void Save(const std::string& bytes);
  void Report(const absl::Status& status);

  const std::string path_;
  agents::LeakBook& book_;
  const double boot_time_;
  base::System& system_;
  double saved_at_ = -1;
  std::atomic<bool> failing_ = false;  // so that a full disk is logged once, not every five minutes

  std::mutex mutex_;
  std::condition_variable wake_;
  std::string pending_;  // what to write next
  bool stopping_ = false;
  std::thread writer_;  // from the first tick that saves on
};

}  // namespace agent_exporter::serve

#endif  // AGENT_EXPORTER_SERVE_LEAK_STATE_H_
