#include "run/slot_messages.h"

#include <sys/socket.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/label_value.h"

namespace agent_exporter::run {
namespace {

using nlohmann::json;

template <typename Result, typename Read>
absl::StatusOr<Result> Parse(std::string_view line, const char* key, Read read) {
  try {
    const json message = json::parse(line);
    return read(message.at(key));
  } catch (const json::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("bad message: ", error.what()));
  }
}

// nlohmann-json converts any number: 1e308 to an int is undefined.
template <typename Integer>
Integer IntegerOf(const json& from) {
  const bool fits = from.is_number_unsigned()  ? std::in_range<Integer>(from.get<uint64_t>())
                    : from.is_number_integer() ? std::in_range<Integer>(from.get<int64_t>())
                                               : false;
  if (!fits) throw json::type_error::create(302, "a number is no integer in range", nullptr);
  return from.get<Integer>();
}

agents::OomVerdict VerdictOf(const std::string& name) {
  for (const agents::OomVerdict verdict : {agents::OomVerdict::kConfirmed, agents::OomVerdict::kDenied}) {
    if (name == agents::OomVerdictName(verdict)) return verdict;
  }
  return agents::OomVerdict::kUnclear;
}

}  // namespace

std::string MessageLine(const json& message) {
  return message.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

absl::StatusOr<sockaddr_un> SlotAddress(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(
        absl::StrCat("socket path ", path, " is too long; at most ", sizeof(address.sun_path) - 1, " bytes"));
  }
  std::copy(path.begin(), path.end(), std::begin(address.sun_path));
  return address;
}

std::string SlotRequestLine(const SlotRequest& request) {
  return MessageLine({{"watch",
                       {{"pid", request.key.pid},
                        {"start_ticks", request.key.start_ticks},
                        {"helper", request.helper},
                        {"name", request.name},
                        {"kind", request.kind},
                        {"slot", request.slot}}}});
}

std::string SlotEndLine(const SlotEnd& end) {
  return MessageLine({{"ended",
                       {{"status", end.status},
                        {"self_killed", end.self_killed},
                        {"max_resident_bytes", end.max_resident_bytes}}}});
}

std::string SlotReplyLine(const absl::Status& status) {
  return status.ok() ? MessageLine({{"ok", true}}) : MessageLine({{"error", std::string(status.message())}});
}

std::string SlotReportLine(const SlotReport& report) {
  json message = {
      {"oom", {{"verdict", agents::OomVerdictName(report.oom.verdict)}, {"evidence", report.oom.evidence}}}};
  if (report.record) message["flight"] = FlightRecordToJson(*report.record);
  return MessageLine({{"report", std::move(message)}});
}

absl::StatusOr<SlotRequest> ParseSlotRequest(std::string_view line) {
  return Parse<SlotRequest>(line, "watch", [](const json& from) -> absl::StatusOr<SlotRequest> {
    SlotRequest request{
        .key = {IntegerOf<pid_t>(from.at("pid")), IntegerOf<uint64_t>(from.at("start_ticks"))},
        .helper = from.contains("helper") ? IntegerOf<pid_t>(from.at("helper")) : 0,
        .name = from.at("name"),
        .kind = from.value("kind", ""),
        .slot = from.value("slot", "")};
    if (request.key.pid <= 1) return absl::InvalidArgumentError("bad message: no such pid");
    for (const absl::Status& status :
         {CheckSlotLabel("name", request.name, false), CheckSlotLabel("kind", request.kind, true),
          CheckSlotLabel("slot", request.slot, true)}) {
      if (!status.ok()) return status;
    }
    return request;
  });
}

absl::StatusOr<SlotEnd> ParseSlotEnd(std::string_view line) {
  return Parse<SlotEnd>(line, "ended", [](const json& from) -> absl::StatusOr<SlotEnd> {
    return SlotEnd{.status = IntegerOf<int>(from.at("status")),
                   .self_killed = from.at("self_killed"),
                   .max_resident_bytes = IntegerOf<uint64_t>(from.at("max_resident_bytes"))};
  });
}

absl::Status ParseSlotReply(std::string_view line) {
  const auto ok = Parse<bool>(line, "ok", [](const json&) -> absl::StatusOr<bool> { return true; });
  if (ok.ok()) return absl::OkStatus();
  const auto error =
      Parse<std::string>(line, "error", [](const json& from) -> absl::StatusOr<std::string> { return from; });
  return error.ok() ? absl::FailedPreconditionError(*error) : error.status();
}

absl::StatusOr<SlotReport> ParseSlotReport(std::string_view line) {
  return Parse<SlotReport>(line, "report", [](const json& from) -> absl::StatusOr<SlotReport> {
    SlotReport report;
    report.oom = {VerdictOf(from.at("oom").at("verdict")), from.at("oom").at("evidence")};
    if (const auto flight = from.find("flight"); flight != from.end()) {
      auto record = FlightRecordFromJson(*flight);
      if (!record.ok()) return record.status();
      report.record = *std::move(record);
    }
    return report;
  });
}

absl::Status CheckSlotLabel(std::string_view flag, std::string_view text, bool may_be_empty) {
  std::string why;
  if (text.empty() && !may_be_empty) why = "is empty";
  if (std::any_of(text.begin(), text.end(),
                  [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; })) {
    why = "holds a control character";
  }
  if (why.empty() && base::LabelValue(text) != text) {
    why = text.size() > base::LabelValue(text).size() ? "is longer than 128 bytes" : "is no valid UTF-8";
  }
  if (why.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("--", absl::string_view(flag.data(), flag.size()), " ",
                                                 base::Quoted(text), " ", why,
                                                 "; a label is 1 to 128 bytes of UTF-8 text"));
}

}  // namespace agent_exporter::run
