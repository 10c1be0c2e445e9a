// Fuzz target: what follows Claude Code transcripts and understands their lines, and the parsers of
// agent_meta and of the status line. Agents write all of it, so it may contain anything. The first two bytes
// choose the limits: how many bytes to read at once, and how long a line may be.

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "base/descriptor.h"
#include "base/label_value.h"
#include "base/regular_file.h"
#include "sessions/claude_lines.h"
#include "sessions/line_follower.h"
#include "sessions/meta.h"
#include "sessions/statusline_file.h"

namespace agent_exporter::fuzz {
namespace {

void Require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "claude_transcript_fuzz: %s\n", what);
  std::abort();
}

// A name may become a label, so it must be short and valid UTF-8.
void RequireName(const std::string& name) {
  Require(name.size() <= 128 && base::LabelValue(name) == name, "a name is too long or not UTF-8");
}

void RequireSane(const sessions::SessionState& state) {
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
}

struct Result {
  sessions::SessionState state;
  sessions::TokenCounts tokens;
  friend bool operator==(const Result&, const Result&) = default;
};

// The file read in pieces of `piece` bytes.
Result Follow(const base::OpenFile& file, uint64_t piece, size_t longest) {
  sessions::TokenTally tally(0);
  sessions::ClaudeLines lines(tally);
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

void Fuzz(std::string_view data) {
  if (data.size() < 2) return;
  const uint64_t piece = uint64_t{16} << (static_cast<uint8_t>(data[0]) % 20);
  const size_t longest = size_t{16} << (static_cast<uint8_t>(data[1]) % 17);
  data.remove_prefix(2);
  base::OpenFile file;
  file.descriptor = base::Descriptor(::memfd_create("transcript", MFD_CLOEXEC));
  Require(::write(file.descriptor.get(), data.data(), data.size()) == static_cast<ssize_t>(data.size()),
          "cannot write the memory file");
  Require(::fstat(file.descriptor.get(), &file.stat) == 0, "no stat");

  RequireSane(Follow(file, piece, longest).state);
  const Result whole = Follow(file, 1 << 30, longest);
  RequireSane(whole.state);
  Require(Follow(file, longest + (128 << 10), longest) == whole, "pieces say something else than the whole");
  if (const auto meta = sessions::ParseAgentMeta(data); meta.ok()) {
    if (meta->model) RequireName(*meta->model);
    Require(meta->context_pct.value_or(0) >= 0 && meta->context_pct.value_or(0) <= 100,
            "context_pct is not a percentage");
  }
  if (const auto line = sessions::ParseStatuslineInput(data, 5); line.ok()) {
    const auto again = sessions::ParseStatuslineFile(sessions::StatuslineText(*line));
    Require(again.ok() && *again == *line, "a status line is not kept as it was told");
  }
}

}  // namespace
}  // namespace agent_exporter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  agent_exporter::fuzz::Fuzz({reinterpret_cast<const char*>(data), size});
  return 0;
}
