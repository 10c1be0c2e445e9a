#include "sessions/session.h"

#include <algorithm>

namespace agent_exporter::sessions {

std::string_view Name(SessionStatus status) {
  switch (status) {
    case SessionStatus::kWorking:
      return "working";
    case SessionStatus::kWaiting:
      return "waiting";
    case SessionStatus::kIdle:
      return "idle";
    case SessionStatus::kStuck:
      return "stuck";
    case SessionStatus::kEnded:
      break;
  }
  return "ended";
}

TokenCounts& TokenCounts::operator+=(const TokenCounts& other) {
  input += other.input;
  output += other.output;
  cache_read += other.cache_read;
  cache_creation += other.cache_creation;
  reasoning += other.reasoning;
  return *this;
}

TokenCounts& TokenCounts::operator-=(const TokenCounts& other) {
  input -= other.input;
  output -= other.output;
  cache_read -= other.cache_read;
  cache_creation -= other.cache_creation;
  reasoning -= other.reasoning;
  return *this;
}

TokenCounts TokenCounts::Since(const TokenCounts& before) const {
  const auto rise = [](uint64_t now, uint64_t then) { return now > then ? now - then : 0; };
  return {.input = rise(input, before.input),
          .output = rise(output, before.output),
          .cache_read = rise(cache_read, before.cache_read),
          .cache_creation = rise(cache_creation, before.cache_creation),
          .reasoning = rise(reasoning, before.reasoning)};
}

std::optional<double> Session::context_ratio() const {
  if (state.context_ratio) return state.context_ratio;
  if (!state.context_tokens || state.context_window.value_or(0) == 0) return std::nullopt;
  return std::min(1.0,
                  static_cast<double>(*state.context_tokens) / static_cast<double>(*state.context_window));
}

}  // namespace agent_exporter::sessions
