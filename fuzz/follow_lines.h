// What the fuzz targets of session readers share: a file of these bytes, followed in pieces and as a whole,
// must say the same, and nothing that is unfit to be shown.
//
// Thread safety: free functions without state.

#ifndef AGENT_EXPORTER_FUZZ_FOLLOW_LINES_H_
#define AGENT_EXPORTER_FUZZ_FOLLOW_LINES_H_

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/descriptor.h"
#include "base/label_value.h"
#include "base/regular_file.h"
#include "fuzz/targets.h"
#include "sessions/claude_lines.h"
#include "sessions/line_follower.h"
#include "sessions/session.h"
#include "sessions/token_tally.h"

namespace agent_exporter::fuzz {

// A name may become a label, so it must be short and valid UTF-8.
inline void RequireName(const std::string& name) {
  Require(name.size() <= 128 && base::LabelValue(name) == name, "a name is too long or not UTF-8");
}

inline void RequireSane(const sessions::SessionState& state) {
  for (const auto* name : {&state.model, &state.tool, &state.waiting_for}) {
    if (*name) RequireName(**name);
  }
  for (const sessions::AgentAction& action : state.actions) {
    RequireName(action.preview);
    Require(!action.ts || action.ts->size() <= 40, "an action's time stamp is too long");
  }
  Require(state.actions.size() <= sessions::kMostActions, "too many actions");
  Require(state.errors.size() <= sessions::kMostErrors, "too many errors");
  Require(state.context_tokens.value_or(0) <= 3'000'000'000'000, "impossibly many tokens");
  for (const sessions::PlanLimit& limit : state.limits) {
    RequireName(limit.window);
    Require(limit.used_ratio >= 0, "less than nothing is used");
  }
}

struct Followed {
  sessions::SessionState state;
  sessions::TokenCounts tokens;
  friend bool operator==(const Followed&, const Followed&) = default;
};

// The file read in pieces of `piece` bytes.
template <typename Lines>
Followed Follow(const base::OpenFile& file, uint64_t piece, size_t longest) {
  sessions::TokenTally tally(0);
  Lines lines(tally);
  sessions::LineFollower follower({.line = longest});
  uint64_t before = UINT64_MAX;
  while (!follower.at_end()) {
    uint64_t bytes = piece;
    const absl::Status status = follower.Poll(
        file, &bytes, [&lines] { lines.Restart(); },
        [&lines](std::optional<std::string_view> line) { lines.Take(line); });
    Require(status.ok(), "cannot read an unchanging file");
    if (follower.offset() == before) break;  // a line longer than a piece
    before = follower.offset();
  }
  return {lines.State(), tally.total()};
}

// The first two bytes choose the limits: how many bytes to read at once, and how long a line may be. Returns
// the rest.
template <typename Lines>
std::string_view FuzzLines(std::string_view data) {
  if (data.size() < 2) return "";
  const uint64_t piece = uint64_t{16} << (static_cast<uint8_t>(data[0]) % 20);
  const size_t longest = size_t{16} << (static_cast<uint8_t>(data[1]) % 17);
  data.remove_prefix(2);
  base::OpenFile file;
  file.descriptor = base::Descriptor(::memfd_create("lines", MFD_CLOEXEC));
  Require(::write(file.descriptor.get(), data.data(), data.size()) == static_cast<ssize_t>(data.size()),
          "cannot write the memory file");
  Require(::fstat(file.descriptor.get(), &file.stat) == 0, "no stat");
  RequireSane(Follow<Lines>(file, piece, longest).state);
  const Followed whole = Follow<Lines>(file, 1 << 30, longest);
  RequireSane(whole.state);
  Require(Follow<Lines>(file, longest + (128 << 10), longest) == whole,
          "pieces say something else than the whole");
  return data;
}

}  // namespace agent_exporter::fuzz

#endif  // AGENT_EXPORTER_FUZZ_FOLLOW_LINES_H_
