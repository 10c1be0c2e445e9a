// Fuzz target: the parsers of Claude Code transcripts and of agent_meta's JSON. Agents write both, so they
// may contain anything. The first two bytes choose the limits: how many bytes to read, and how long a line
// may be.

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "base/descriptor.h"
#include "base/label_value.h"
#include "sessions/claude_transcript.h"
#include "sessions/meta.h"

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

void RequireSane(const sessions::ClaudeSession& session) {
  for (const auto* name : {&session.model, &session.current_tool}) {
    if (*name) RequireName(**name);
  }
  for (const sessions::AgentAction& action : session.recent_actions) {
    RequireName(action.preview);
    Require(!action.ts || action.ts->size() <= 40, "an action's time stamp is too long");
  }
  Require(session.recent_actions.size() <= sessions::kMaxActions, "too many actions");
  Require(!session.last_activity || session.last_activity->size() <= 40, "a time stamp is too long");
  Require(session.context_tokens.value_or(0) <= 3'000'000'000, "impossibly many tokens");
}

void Fuzz(std::string_view data) {
  if (data.size() < 2) return;
  const sessions::TailLimits limits{.bytes = 16u << (static_cast<uint8_t>(data[0]) % 20),
                                    .line = size_t{16} << (static_cast<uint8_t>(data[1]) % 17)};
  data.remove_prefix(2);
  const base::Descriptor file(::memfd_create("transcript", MFD_CLOEXEC));
  Require(::write(file.get(), data.data(), data.size()) == static_cast<ssize_t>(data.size()),
          "cannot write the memory file");

  for (const sessions::TailLimits& limit : {limits, sessions::TailLimits()}) {
    const auto session = sessions::ReadClaudeTranscript(file.get(), data.size(), limit);
    Require(session.ok(), "cannot read an unchanging file");
    RequireSane(*session);
    // Read it again to show that the result does not depend on uninitialized memory.
    Require(*sessions::ReadClaudeTranscript(file.get(), data.size(), limit) == *session,
            "a second read gives another result");
  }
  if (const auto meta = sessions::ParseAgentMeta(data); meta.ok()) {
    if (meta->model) RequireName(*meta->model);
    Require(meta->context_pct.value_or(0) >= 0 && meta->context_pct.value_or(0) <= 100,
            "context_pct is not a percentage");
  }
}

}  // namespace
}  // namespace agent_exporter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  agent_exporter::fuzz::Fuzz({reinterpret_cast<const char*>(data), size});
  return 0;
}
