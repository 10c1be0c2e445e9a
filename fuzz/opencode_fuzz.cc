// Fuzz target: the messages and parts in OpenCode's database. Lines of the input are taken as messages and
// parts in turn.

#include <string>
#include <string_view>

#include "fuzz/follow_lines.h"
#include "sessions/opencode_messages.h"

namespace agent_exporter::fuzz {

void FuzzOpencode(std::string_view data) {
  sessions::TokenTally tally(0);
  sessions::OpencodeMessages messages(tally);
  for (size_t number = 0; !data.empty(); ++number) {
    const std::string_view line = data.substr(0, data.find('\n'));
    data.remove_prefix(std::min(line.size() + 1, data.size()));
    if (number % 2 == 0) {
      messages.TakeMessage(std::to_string(number), line);
    } else {
      messages.TakePart(line);
    }
    if (number % 8 == 7) messages.ClearParts();
    RequireSane(messages.State());
  }
}

}  // namespace agent_exporter::fuzz
