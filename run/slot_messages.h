// The messages between `agent_exporter run` and a serve on the same host, over a Unix socket, so that one
// scrape target shows every slot. One JSON object a line, in this order:
//
//   run    {"watch": {"pid": 12, "start_ticks": 345, "helper": 13, "name": "codex", "kind": "", "slot": "1"}}
//   serve  {"ok": true} or {"error": "…"}, after which it hangs up
//   run    {"ended": {"status": 9, "self_killed": false, "max_resident_bytes": 123}}   while still a zombie
//   serve  {"report": {"oom": {"verdict": "confirmed", "evidence": "…"}, "flight": {…}}}
//
// Who asks for sessions instead: run/session_client.h. A run that hangs up without "ended" was killed; serve
// keeps watching its process. Both must be in one pid namespace.
//
// Thread safety: values and pure functions. Errors: InvalidArgument.

#ifndef AGENT_EXPORTER_RUN_SLOT_MESSAGES_H_
#define AGENT_EXPORTER_RUN_SLOT_MESSAGES_H_

#include <sys/un.h>

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "agents/exit_category.h"
#include "kernel/process.h"
#include "run/flight_record.h"

namespace agent_exporter::run {

inline constexpr size_t kLongestSlotRequest = 8 << 10;
inline constexpr size_t kLongestSlotReply = 1 << 20;

// Any message as its line. Texts of processes may hold any byte; what is no UTF-8 becomes U+FFFD.
std::string MessageLine(const nlohmann::json& message);

// The address of the socket at `path`; InvalidArgument if the path is too long.
absl::StatusOr<sockaddr_un> SlotAddress(const std::string& path);

struct SlotRequest {
  kernel::ProcessKey key;
  pid_t helper = 0;  // another child of run, not part of the task; 0: none
  std::string name, kind, slot;
};

struct SlotEnd {
  int status = 0;  // as wait(2)
  bool self_killed = false;
  uint64_t max_resident_bytes = 0;
};

struct SlotReport {
  agents::OomFinding oom;
  std::optional<FlightRecord> record;
};

// One line each, with its newline.
std::string SlotRequestLine(const SlotRequest& request);
std::string SlotEndLine(const SlotEnd& end);
std::string SlotReplyLine(const absl::Status& status);
std::string SlotReportLine(const SlotReport& report);

absl::StatusOr<SlotRequest> ParseSlotRequest(std::string_view line);
absl::StatusOr<SlotEnd> ParseSlotEnd(std::string_view line);
// Ok, or FailedPrecondition with serve's error.
absl::Status ParseSlotReply(std::string_view line);
absl::StatusOr<SlotReport> ParseSlotReport(std::string_view line);

// Ok if `text` can be the label value of --`flag`, otherwise one line that says why not.
absl::Status CheckSlotLabel(std::string_view flag, std::string_view text, bool may_be_empty);

}  // namespace agent_exporter::run

#endif  // AGENT_EXPORTER_RUN_SLOT_MESSAGES_H_
