#include "kernel/parse_host.h"

#include <string>

#include "kernel/text_scanner.h"

namespace agent_exporter::kernel {
namespace {

// "%lu.%02lu", as the kernel prints a load average.
double TwoDecimals(TextScanner& scan) {
  const uint32_t whole = scan.NumberAs<uint32_t>();
  scan.Expect('.');
  const size_t before = scan.rest().size();
  const uint64_t hundredths = scan.Number();
  if (before - scan.rest().size() != 2) scan.Fail();
  return static_cast<double>(uint64_t{whole} * 100 + hundredths) / 100;
}

}  // namespace

absl::StatusOr<HostMemory> ParseMeminfo(std::string_view text) {
  constexpr std::string_view kTotal = "MemTotal:";
  constexpr std::string_view kFree = "MemFree:";
  constexpr std::string_view kAvailable = "MemAvailable:";
  constexpr std::string_view kSwapFree = "SwapFree:";
  std::optional<uint64_t> total;
  std::optional<uint64_t> free;
  std::optional<uint64_t> available;
  std::optional<uint64_t> swap_free;
  bool has_available = false;
  TextScanner scan(text);
  while (const std::optional<std::string_view> line = scan.Line()) {
    if (line->substr(0, kTotal.size()) == kTotal) total = ParseKilobytes(line->substr(kTotal.size()));
    if (line->substr(0, kFree.size()) == kFree) free = ParseKilobytes(line->substr(kFree.size()));
    if (line->substr(0, kSwapFree.size()) == kSwapFree) {
      swap_free = ParseKilobytes(line->substr(kSwapFree.size()));
    }
    if (line->substr(0, kAvailable.size()) == kAvailable) {
      has_available = true;
      available = ParseKilobytes(line->substr(kAvailable.size()));
    }
  }
  if (!has_available) available = free;
  if (!scan.ok() || !total || !available || *available > *total) {
    return absl::InvalidArgumentError("meminfo: no MemTotal with MemAvailable or MemFree");
  }
  return HostMemory{*total, *available, *total - *available, swap_free.value_or(0)};
}

absl::StatusOr<HostLoad> ParseLoadavg(std::string_view text) {
  HostLoad load;
  TextScanner scan(text);
  for (double& average : load.average) {
    average = TwoDecimals(scan);
    scan.Expect(' ');
  }
  scan.Number();
  scan.Expect('/');
  load.threads = scan.Number();
  scan.Expect(' ');
  if (!scan.ok()) return absl::InvalidArgumentError("loadavg: not three averages and running/threads");
  return load;
}

absl::Status ParsePressure(std::string_view text, std::string_view resource, HostPressure* pressure) {
  TextScanner scan(text);
  while (const std::optional<std::string_view> line = scan.Line()) {
    const std::string_view kind = line->substr(0, line->find(' '));
    const size_t total = line->rfind(" total=");
    if ((kind != "some" && kind != "full") || total == std::string_view::npos) {
      return absl::InvalidArgumentError("pressure: a line is not some or full with a total");
    }
    const absl::StatusOr<uint64_t> micros = ParseNumber(line->substr(total + 7));
    if (!micros.ok()) return micros.status();
    // For the whole host, "full" of the CPU has no meaning: the line exists for compatibility and is always 0
    // (psi.rst).
    if (resource == "cpu" && kind == "full") continue;
    (*pressure)[{std::string(resource), std::string(kind)}] = static_cast<double>(*micros) / 1e6;
  }
  if (!scan.ok() || text.empty()) return absl::InvalidArgumentError("pressure: cut");
  return absl::OkStatus();
}

absl::StatusOr<FileHandles> ParseFileNr(std::string_view text) {
  TextScanner scan(text);
  const uint64_t allocated = scan.Number();
  scan.Blanks();
  const uint64_t free = scan.Number();
  scan.Blanks();
  const uint64_t max = scan.Number();
  scan.Expect('\n');
  if (!scan.ok() || free > allocated) return absl::InvalidArgumentError("file-nr: not three numbers");
  return FileHandles{allocated - free, max};
}

absl::StatusOr<uint64_t> ParseNumber(std::string_view text) {
  TextScanner scan(text);
  const uint64_t value = scan.Number();
  if (!scan.done()) scan.Expect('\n');
  if (!scan.ok() || !scan.done()) return absl::InvalidArgumentError("not one number");
  return value;
}

absl::StatusOr<std::optional<uint64_t>> ParseNumberOrMax(std::string_view text) {
  if (text == "max\n" || text == "max") return std::optional<uint64_t>();
  const absl::StatusOr<uint64_t> number = ParseNumber(text);
  if (!number.ok()) return number.status();
  return std::optional<uint64_t>(*number);
}

absl::StatusOr<uint64_t> ParseKeyedNumber(std::string_view text, std::string_view key) {
  TextScanner scan(text);
  while (const std::optional<std::string_view> line = scan.Line()) {
    if (line->size() > key.size() && line->substr(0, key.size()) == key && (*line)[key.size()] == ' ') {
      return ParseNumber(line->substr(key.size() + 1));
    }
  }
  return absl::NotFoundError("no line " + std::string(key));
}

}  // namespace agent_exporter::kernel
