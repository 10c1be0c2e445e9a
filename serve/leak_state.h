// Keeps the leak evidence over the exporter's own restarts, in leak.state of the state directory: saved every
// five minutes and at the end. Whatever goes wrong is one log line; evidence is then gathered from scratch.
//
// Ownership: borrows the book, which belongs to the sampler's thread; the destructor does not touch it.
// Thread safety: Load before that thread starts, OnTick on it, Finish after it has ended.

#ifndef AGENT_EXPORTER_SERVE_LEAK_STATE_H_
#define AGENT_EXPORTER_SERVE_LEAK_STATE_H_

#include <string>

#include "base/system.h"
#include "leaks/leak_book.h"
#include "serve/state_file.h"

namespace agent_exporter::serve {

class LeakState {
 public:
  static constexpr double kSaveSeconds = 300;

  // `directory` exists. `boot_time`: seconds since the epoch.
  LeakState(const std::string& directory, leaks::LeakBook& book, double boot_time, base::System& system);

  // Restores what was saved. Another version's state is ignored and replaced at the next save; a file that is
  // no such state is renamed to leak.state.bad. Either is one log line.
  void Load();
  // Saves when it is time. `now`: monotonic seconds.
  void OnTick(double now);
  // Saves a last time.
  void Finish();

 private:
  leaks::LeakBook& book_;
  const double boot_time_;
  double saved_at_ = -1;
  StateFile file_;
};

}  // namespace agent_exporter::serve

#endif  // AGENT_EXPORTER_SERVE_LEAK_STATE_H_
