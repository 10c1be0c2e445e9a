// The ledger's inputs and results, as plain values.
//
// Times are milliseconds since the epoch, as in the routes. An empty optional means unknown.

#ifndef AGENT_EXPORTER_LEDGER_RECORDS_H_
#define AGENT_EXPORTER_LEDGER_RECORDS_H_

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_exporter::ledger {

// The names of an agent's sources. A session's source is "session:" followed by its id.
inline constexpr std::string_view kServerSource = "agent-server";
inline constexpr std::string_view kAggregateSource = "aggregate";
inline constexpr std::string_view kSessionPrefix = "session:";

// One source's values at one tick. The ledger stores negative and NaN values as 0.
struct SourceSample {
  std::string agent;
  std::string source;
  std::optional<pid_t> pid;  // of its root, pane or session leader; an aggregate has none
  double cpu_percent = 0;    // of one core
  std::optional<int64_t> rss_bytes;
  std::optional<int64_t> heap_used_bytes;
};

// A stored sample, and its time.
struct StoredSample : SourceSample {
  int64_t ts = 0;
};

// Agent and source name.
using SourceKey = std::pair<std::string, std::string>;
using SourceKeys = std::set<SourceKey>;

inline constexpr std::array<std::string_view, 7> kRateLimitKinds = {
    "trip", "recover", "529", "throttle", "quota", "429", "overloaded"};

struct RateLimitEvent {
  std::string agent;
  std::string source;  // who saw it: "breaker", "log"
  std::string kind;    // one of kRateLimitKinds
  int64_t ts = 0;
  // Distinguishes events in the same millisecond. Empty: the next free number, so the event is always new.
  std::optional<int64_t> seq;
};

// An error that an agent got from its service, as the agent's session file has it.
struct AgentError {
  std::string agent;
  int64_t ts = 0;
  std::string text;
};

// All events ever counted, by agent and kind.
using RateLimitTotals = std::map<std::pair<std::string, std::string>, int64_t>;

struct SourceSummary {
  std::string agent;
  std::string source;
  // From the last tick; empty if the source was not in it or has ended since.
  std::optional<double> current_cpu_percent;
  std::optional<int64_t> current_rss_bytes;
  std::optional<int64_t> current_heap_used_bytes;
  double average_cpu_percent = 0;
  double peak_cpu_percent = 0;
  std::optional<double> average_rss_bytes;
  std::optional<int64_t> peak_rss_bytes;
  int64_t samples = 0;
  int64_t newest_ts = 0;
};

struct Summary {
  std::vector<SourceSummary> sources;  // sorted by agent and source
  int64_t samples = 0;
};

// A position in the samples, newest first.
struct SampleCursor {
  int64_t ts = 0;
  int64_t source_id = 0;
};

struct SamplePage {
  std::vector<StoredSample> samples;  // newest first
  std::optional<SampleCursor> next;   // empty: this is the last page
};

struct StoredEvent {
  std::string id;  // source:ts:seq
  std::string agent;
  std::string source;
  std::string kind;
  int64_t ts = 0;
};

struct RateLimits {
  std::map<std::string, int64_t> by_kind;
  std::vector<StoredEvent> events;  // the newest 1,000, newest first
};

}  // namespace agent_exporter::ledger

#endif  // AGENT_EXPORTER_LEDGER_RECORDS_H_
