// The cost of an agent's descendants by command, including ended ones.
//
// The CPU of a child that no sample saw alive shows only in its parent's cutime, which does not name the
// child. Its exit event does: it has the command and roughly the CPU used. So a rise of cutime is split over
// the commands that ended since, as much as is expected of each. The sum over all commands is the
// agent's counter of its descendants' CPU.
//
// At most kListed commands are shown by name; the rest is "other". A command replaces only a smaller one,
// whose figures go to "other". So no counter falls while it is shown.
//
// Thread safety: none; the sampler's thread owns it.

#ifndef AGENT_EXPORTER_AGENTS_COMMAND_BOOK_H_
#define AGENT_EXPORTER_AGENTS_COMMAND_BOOK_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace agent_exporter::agents {

inline constexpr const char* kOtherCommands = "other";

struct CommandUse {
  std::string command;
  int64_t cpu_ns = 0;
  uint64_t started = 0;
  uint64_t failed = 0;              // ended with a non-zero exit code or by a signal
  uint64_t max_resident_bytes = 0;  // the peak of the largest ended process; 0: unknown
};

class CommandBook {
 public:
  static constexpr size_t kListed = 15;

  void AddStart(const std::string& command) { ++UseOf(EntryOf(command)).started; }
  void AddFailure(const std::string& command) { ++UseOf(EntryOf(command)).failed; }
  void AddPeak(const std::string& command, uint64_t resident_bytes);
  // Adds CPU whose command is known.
  void AddCpu(const std::string& command, int64_t nanoseconds) { AddCpu(EntryOf(command), nanoseconds); }
  // A process ended whose parent will wait for it: expect the parent's cutime to rise by this much.
  void Expect(const std::string& command, int64_t nanoseconds);
  // Splits a rise of a parent's cutime.
  void AddWaitedFor(int64_t nanoseconds);

  // Call once per sample: drops expectations that did not come true, and lists commands that outgrew a listed
  // one.
  void EndLook();

  // The listed commands sorted by name, then "other" if it is not empty.
  std::vector<CommandUse> Uses() const;

 private:
  // What ended processes used that no cutime has shown yet.
  struct Expected {
    int64_t ns = 0;
    int64_t ends = 0;
    friend Expected operator+(Expected a, Expected b) { return {a.ns + b.ns, a.ends + b.ends}; }
    int64_t Take(int64_t most) {
      const int64_t taken = std::min(most, ns);
      ns -= taken;
      if (ns == 0) ends = 0;
      return taken;
    }
  };
  struct Entry {
    CommandUse use;  // since it was listed
    bool listed = false;
    int64_t weight_ns = 0;  // its CPU before that; the size of a command is all the CPU it ever used
    Expected expected, expected_before;  // since the last sample, and since the one before
  };

  Entry& EntryOf(const std::string& command);
  CommandUse& UseOf(Entry& entry) { return entry.listed ? entry.use : other_; }
  void AddCpu(Entry& entry, int64_t nanoseconds);
  static int64_t SizeOf(const Entry& entry) { return entry.weight_ns + entry.use.cpu_ns; }

  absl::flat_hash_map<std::string, Entry> entries_;
  Entry rest_;  // commands without their own entry
  size_t listed_ = 0;
  CommandUse other_ = {.command = kOtherCommands};
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_COMMAND_BOOK_H_
