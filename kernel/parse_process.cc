#include "kernel/parse_process.h"

#include <string.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "kernel/text_scanner.h"

namespace agent_exporter::kernel {
namespace {

constexpr uint64_t kKernelThread = 0x00200000;  // PF_KTHREAD, include/linux/sched.h
constexpr uint64_t kNanosPerSecond = 1'000'000'000;

bool StartsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

// Converts clock ticks into nanoseconds. Needs no division per value if the rate divides a second, as the
// usual CLK_TCK of 100 does.
class TickClock {
 public:
  explicit TickClock(uint64_t rate)
      : rate_(rate), whole_(kNanosPerSecond % rate == 0), nanos_per_tick_(kNanosPerSecond / rate) {}

  // False if the result does not fit: the kernel itself counts in 64-bit nanoseconds.
  bool ToNanos(uint64_t ticks, int64_t* nanos) const {
    if (ticks > std::numeric_limits<int64_t>::max() / (nanos_per_tick_ + 1)) return false;
    // Split, because ticks * 10^9 would overflow after some years of CPU time.
    *nanos = static_cast<int64_t>(whole_ ? ticks * nanos_per_tick_
                                         : ticks / rate_ * kNanosPerSecond +
                                               ticks % rate_ * kNanosPerSecond / rate_);
    return true;
  }

 private:
  uint64_t rate_;
  bool whole_;
  uint64_t nanos_per_tick_;
};

// A value that is one number after blanks.
template <typename T>
std::optional<T> ParseValue(std::string_view value) {
  TextScanner scan(value);
  scan.Blanks();
  const T number = scan.NumberAs<T>();
  if (!scan.ok() || !scan.done()) return std::nullopt;
  return number;
}

// "real effective saved filesystem", each after a tab.
std::optional<uid_t> ParseUid(std::string_view value) {
  TextScanner scan(value);
  uid_t real = 0;
  for (int i = 0; i < 4; ++i) {
    scan.Blanks();
    const uid_t uid = scan.NumberAs<uid_t>();
    if (i == 0) real = uid;
  }
  if (!scan.ok() || !scan.done()) return std::nullopt;
  return real;
}

}  // namespace

absl::Status ParseStat(std::string_view text, int64_t ticks_per_second, ProcessStat* stat) {
  if (ticks_per_second <= 0 || ticks_per_second > 1'000'000'000)
    return absl::InvalidArgumentError("stat: no clock tick rate");
  TextScanner head(text);
  stat->key.pid = head.NumberAs<pid_t>();
  head.Expect(" (");
  const std::string_view rest = head.rest();
  // memrchr, because std::string_view::rfind goes byte by byte and this is the hottest parser.
  const void* close = rest.empty() ? nullptr : ::memrchr(rest.data(), ')', rest.size());
  if (!head.ok() || close == nullptr) return absl::InvalidArgumentError("stat: no \"pid (name)\"");
  const size_t name_size = static_cast<size_t>(static_cast<const char*>(close) - rest.data());
  stat->comm.assign(rest.data(), name_size);

  TextScanner scan(rest.substr(name_size + 1));
  const auto field = [&scan] {
    const uint64_t value = scan.Number();
    scan.Expect(' ');
    return value;
  };
  scan.Expect(' ');
  stat->state = scan.Any();  // field 3
  scan.Expect(' ');
  stat->ppid = scan.NumberAs<pid_t>();
  scan.Expect(' ');
  scan.SkipFields(1);  // pgrp
  stat->session = scan.NumberAs<pid_t>();
  scan.Expect(' ');
  scan.SkipFields(2);                                    // tty_nr, tpgid
  stat->kernel_thread = (field() & kKernelThread) != 0;  // 9: flags
  stat->minor_faults = field();
  scan.SkipFields(1);  // cminflt
  stat->major_faults = field();
  scan.SkipFields(1);  // cmajflt
  const uint64_t user = field();
  const uint64_t system = field();
  const uint64_t children_user = field();
  const uint64_t children_system = field();
  scan.SkipFields(2);  // priority, nice
  stat->threads = scan.NumberAs<uint32_t>();
  scan.Expect(' ');
  scan.SkipFields(1);  // itrealvalue
  stat->key.start_ticks = field();
  stat->virtual_bytes = field();
  scan.SkipFields(4);  // rss (inexact since 6.2), rsslim, startcode, endcode
  stat->start_stack = field();
  if (!scan.ok()) return absl::InvalidArgumentError("stat: truncated, or a field is not a number");

  const bool letter =
      (stat->state >= 'A' && stat->state <= 'Z') || (stat->state >= 'a' && stat->state <= 'z');
  const TickClock clock(static_cast<uint64_t>(ticks_per_second));
  if (!letter || stat->key.pid <= 0 || !clock.ToNanos(user, &stat->cpu.user_ns) ||
      !clock.ToNanos(system, &stat->cpu.system_ns) ||
      !clock.ToNanos(children_user, &stat->children_cpu.user_ns) ||
      !clock.ToNanos(children_system, &stat->children_cpu.system_ns)) {
    return absl::InvalidArgumentError("stat: a field is out of range");
  }
  return absl::OkStatus();
}

bool IgnoresSignal(std::string_view status, int signal) {
  constexpr std::string_view kKey = "\nSigIgn:\t";
  const size_t at = status.find(kKey);
  if (at == std::string_view::npos) return false;
  const std::string_view digits = status.substr(at + kKey.size());
  uint64_t set = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), set, 16);
  return (set >> (signal - 1) & 1) != 0;
}

StatusFields ParseStatus(std::string_view text, bool switches) {
  StatusFields fields;
  std::string_view line;
  // Whether the line is that of `key`. If so, stores its value in *field, or sets malformed.
  const auto take = [&](std::string_view key, auto parse, auto* field) {
    if (!StartsWith(line, key)) return false;
    *field = parse(line.substr(key.size()));
    fields.malformed |= !field->has_value();
    return true;
  };

  TextScanner scan(text);
  while (const std::optional<std::string_view> next = scan.Line()) {
    line = *next;
    if (line.empty()) continue;
    // The first letter rules out most of the 60 lines.
    switch (line[0]) {
      case 'U':
        take("Uid:", ParseUid, &fields.uid);
        break;
      case 'V':
        take("VmSize:", ParseKilobytes, &fields.virtual_bytes) ||
            take("VmRSS:", ParseKilobytes, &fields.resident_bytes) ||
            take("VmSwap:", ParseKilobytes, &fields.swap_bytes);
        break;
      case 'R':
        take("RssAnon:", ParseKilobytes, &fields.anon_bytes) ||
            take("RssFile:", ParseKilobytes, &fields.file_bytes) ||
            take("RssShmem:", ParseKilobytes, &fields.shmem_bytes);
        break;
      case 'T':
        if (take("Threads:", ParseValue<uint32_t>, &fields.threads) && !switches) return fields;
        break;
      case 'v':
        take("voluntary_ctxt_switches:", ParseValue<uint64_t>, &fields.voluntary_switches);
        break;
      case 'n':
        take("nonvoluntary_ctxt_switches:", ParseValue<uint64_t>, &fields.involuntary_switches);
        break;
      default:
        break;
    }
  }
  fields.malformed |= !scan.ok() || text.empty();
  return fields;
}

absl::StatusOr<StatmFields> ParseStatm(std::string_view text, uint64_t page_size) {
  TextScanner scan(text);
  const uint64_t size = scan.Number();
  scan.Expect(' ');
  const uint64_t resident = scan.Number();
  scan.Expect(' ');
  const uint64_t shared = scan.Number();
  scan.Expect(' ');
  const uint64_t most = std::numeric_limits<uint64_t>::max() / page_size;
  if (!scan.ok() || size > most || resident > most || shared > most)
    return absl::InvalidArgumentError("statm: not page counts");
  if (size == 0) return StatmFields{};
  return StatmFields{size * page_size, resident * page_size, shared * page_size};
}

absl::StatusOr<IoFields> ParseIo(std::string_view text) {
  std::optional<uint64_t> read;
  std::optional<uint64_t> write;
  constexpr std::string_view kRead = "read_bytes:";
  constexpr std::string_view kWrite = "write_bytes:";
  TextScanner scan(text);
  while (const std::optional<std::string_view> line = scan.Line()) {
    if (StartsWith(*line, kRead)) read = ParseValue<uint64_t>(line->substr(kRead.size()));
    if (StartsWith(*line, kWrite)) write = ParseValue<uint64_t>(line->substr(kWrite.size()));
  }
  if (!read || !write) return absl::InvalidArgumentError("io: no read_bytes and write_bytes");
  return IoFields{*read, *write};
}

absl::StatusOr<ProcessLimits> ParseLimits(std::string_view text) {
  struct Row {
    std::string_view name;
    std::optional<uint64_t>* limit;
    bool found = false;
  };
  ProcessLimits limits;
  Row rows[] = {{"Max open files ", &limits.open_files},
                {"Max address space ", &limits.address_space_bytes},
                {"Max processes ", &limits.processes}};
  TextScanner scan(text);
  while (const std::optional<std::string_view> line = scan.Line()) {
    for (Row& row : rows) {
      if (!StartsWith(*line, row.name)) continue;
      // The name is padded to 26 columns, so at least one blank always follows it.
      TextScanner value(line->substr(row.name.size() - 1));
      value.Blanks();
      if (StartsWith(value.rest(), "unlimited ")) {
        row.found = true;
        continue;
      }
      const uint64_t limit = value.Number();
      value.Expect(' ');
      if (!value.ok()) return absl::InvalidArgumentError("limits: a limit is neither a number nor unlimited");
      *row.limit = limit;
      row.found = true;
    }
  }
  for (const Row& row : rows) {
    if (!row.found) return absl::InvalidArgumentError("limits: a limit is missing");
  }
  return limits;
}

bool CgroupMembership::HasController(std::string_view controller) const {
  std::string_view left = controllers;
  while (!left.empty()) {
    const size_t comma = left.find(',');
    if (left.substr(0, comma) == controller) return true;
    if (comma == std::string_view::npos) break;
    left.remove_prefix(comma + 1);
  }
  return false;
}

std::vector<CgroupMembership> ParseCgroup(std::string_view text) {
  std::vector<CgroupMembership> memberships;
  TextScanner scan(text);
  while (const std::optional<std::string_view> line = scan.Line()) {
    TextScanner head(*line);
    const uint64_t id = head.Number();
    head.Expect(':');
    const std::string_view rest = head.rest();
    const size_t colon = rest.find(":/");  // a controller's name never contains ':', but a path may
    if (!head.ok() || colon == std::string_view::npos) continue;
    memberships.push_back({rest.substr(0, colon), rest.substr(colon + 1), id == 0});
  }
  return memberships;
}

std::vector<std::string> SplitAtNul(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\0'), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

}  // namespace agent_exporter::kernel
