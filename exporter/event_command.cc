#include "exporter/event_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <string_view>
#include <vector>

#include "base/label_value.h"
#include "exporter/commands.h"
#include "exporter/config.h"
#include "ledger/ledger_service.h"
#include "ledger/writer.h"

namespace agent_exporter::exporter {
namespace {

// The source becomes part of the event's id, which separates its parts by colons.
std::string CheckSource(const std::string& source) {
  const bool plain = std::all_of(source.begin(), source.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
  return plain && !source.empty() && source.size() <= 64
             ? ""
             : "use 1 to 64 letters, digits, dots, dashes or underscores";
}

}  // namespace

CLI::App* AddEventCommand(CLI::App& app, EventOptions& options) {
  CLI::App* event = app.add_subcommand("event", "Record an event in the ledger");
  event->require_subcommand(1);
  CLI::App* rate_limit =
      event->add_subcommand("rate-limit", "Record that an agent hit a rate limit or recovered from one");
  rate_limit->add_option("--agent", options.agent, "Which agent")->required();
  rate_limit->add_option("--source", options.source, "The program that saw it, such as breaker")
      ->required()
      ->check(CheckSource);
  rate_limit->add_option("--kind", options.kind, "trip, recover, 529, throttle, quota, 429 or overloaded")
      ->required()
      ->check(CLI::IsMember(
          std::vector<std::string>(ledger::kRateLimitKinds.begin(), ledger::kRateLimitKinds.end())));
  rate_limit
      ->add_option(
          "--seq", options.seq,
          "Number within the millisecond; an event with the same source, time and number is recorded once")
      ->check(CLI::NonNegativeNumber);
  rate_limit->add_option("--ts", options.ts, "Time in ms since the epoch; default: now")
      ->check(CLI::PositiveNumber);
  return event;
}

int RunEvent(const Options& options, std::ostream& out, std::ostream& err) {
  auto config = LoadConfig(options.config_file);
  if (!config.ok()) return Fail(config.status(), err);
  const auto path = ledger::LedgerPath(options.ledger_path, config->ledger);
  if (!path.ok()) return Fail(path.status(), err);
  const EventOptions& event = options.event;
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  // Many programs may write at once, and each waits for the others: hence the long timeout.
  auto writer = ledger::LedgerWriter::Open(*path, std::chrono::seconds(20), false);
  absl::StatusOr<int> added = 0;
  if (!writer.ok()) {
    added = writer.status();
  } else {
    const ledger::RateLimitEvent record{.agent = base::LabelValue(event.agent),
                                        .source = event.source,
                                        .kind = event.kind,
                                        .ts = event.ts.value_or(now.count()),
                                        .seq = event.seq};
    added = (*writer)->AddEvents({&record, 1});
  }
  if (!added.ok()) {
    return Fail(absl::Status(added.status().code(), fmt::format("cannot write to the ledger {}: {}", *path,
                                                                std::string(added.status().message()))),
                err);
  }
  out << (*added == 1 ? "recorded in " : "already recorded in ") << *path << "\n";
  return 0;
}

}  // namespace agent_exporter::exporter
