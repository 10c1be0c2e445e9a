// Fuzz target: the messages on serve's socket, which any user of the host may send.

#include <string>
#include <string_view>

#include "fuzz/targets.h"
#include "run/session_client.h"
#include "run/slot_messages.h"

namespace agent_exporter::fuzz {

// What we understand we can say again.
void FuzzSlotMessages(std::string_view data) {
  if (const auto request = run::ParseSlotRequest(data); request.ok()) {
    const auto again = run::ParseSlotRequest(run::SlotRequestLine(*request));
    Require(again.ok() && again->key == request->key && again->name == request->name &&
                again->slot == request->slot,
            "a request changes on its way");
  }
  if (const auto end = run::ParseSlotEnd(data); end.ok()) {
    const auto again = run::ParseSlotEnd(run::SlotEndLine(*end));
    Require(
        again.ok() && again->status == end->status && again->max_resident_bytes == end->max_resident_bytes,
        "an end changes on its way");
  }
  (void)run::ParseSlotReply(data);
  if (const auto report = run::ParseSlotReport(data); report.ok()) {
    Require(run::ParseSlotReport(run::SlotReportLine(*report)).ok(), "a report changes on its way");
  }
  (void)run::IsSessionsRequest(data);
  if (const auto sessions = run::ParseSessionsReply(data); sessions.ok()) (void)run::SessionsLine(*sessions);
}

}  // namespace agent_exporter::fuzz
