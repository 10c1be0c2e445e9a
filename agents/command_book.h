// What an agent's descendants cost by command, living and dead.
//
// The CPU of a child that nobody saw alive shows in its parent's cutime, which does not say whose it was. The
// event of its end does, roughly: it names the command and what it had used. So what cutime brings is split
// over the commands that ended meanwhile, in proportion to what each is expected to bring. The sum over all
// commands is the agent's counter of its descendants' CPU.
//
// At most kListed commands have a name; the rest is "other". A command takes the place of a smaller one only;
// what the smaller one had goes to "other", so no counter falls while it is shown.
//
// Thread safety: none; the sampler's thread owns it.

#ifndef AGENT_EXPORTER_AGENTS_COMMAND_BOOK_H_
#define AGENT_EXPORTER_AGENTS_COMMAND_BOOK_H_

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
  uint64_t failed = 0;              // ended with another exit code than 0, or by a signal
  uint64_t max_resident_bytes = 0;  // the largest process of those that ended; 0: not known
};

class CommandBook {
 public:
  static constexpr size_t kListed = 15;

  void AddStart(const std::string& command) { ++UseOf(EntryOf(command)).started; }
  void AddFailure(const std::string& command) { ++UseOf(EntryOf(command)).failed; }
  void AddPeak(const std::string& command, uint64_t resident_bytes);
  // Of a process that is named.
  void AddCpu(const std::string& command, int64_t nanoseconds) { AddCpu(EntryOf(command), nanoseconds); }
  // One ended that a parent waits for: that parent's cutime will bring this much more.
  void Expect(const std::string& command, int64_t nanoseconds);
  // What a parent's cutime brought.
  void AddWaitedFor(int64_t nanoseconds);

  // Once a look: forgets what is expected in vain, and lists who has become larger than one that is listed.
  void EndLook();

  // Those with a name, in its order, then "other" if it is not empty.
  std::vector<CommandUse> Uses() const;

 private:
  struct Entry {
    CommandUse use;  // since it is listed
    bool listed = false;
    int64_t weight_ns = 0;  // its CPU before that; a command is as large as all it ever used
    int64_t expected_ns = 0, expected_before_ns = 0;  // since the last look, and since the one before
  };

  Entry& EntryOf(const std::string& command);
  CommandUse& UseOf(Entry& entry) { return entry.listed ? entry.use : other_; }
  void AddCpu(Entry& entry, int64_t nanoseconds);
  static int64_t SizeOf(const Entry& entry) { return entry.weight_ns + entry.use.cpu_ns; }

  absl::flat_hash_map<std::string, Entry> entries_;
  Entry rest_;  // of more commands than anybody keeps apart
  size_t listed_ = 0;
  CommandUse other_ = {.command = kOtherCommands};
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_COMMAND_BOOK_H_
