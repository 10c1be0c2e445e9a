#include "agents/command_book.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace agent_exporter::agents {
namespace {

// How many commands have their own entry between two samples, and from one sample to the next.
constexpr size_t kMostEntries = 512, kMostKept = 64;

}  // namespace

CommandBook::Entry& CommandBook::EntryOf(const std::string& command) {
  const auto found = entries_.find(command);
  if (found != entries_.end()) return found->second;
  if (entries_.size() >= kMostEntries) return rest_;
  Entry& entry = entries_[command];
  entry.use.command = command;
  entry.listed = listed_ < kListed && command != kOtherCommands;
  listed_ += entry.listed ? 1 : 0;
  return entry;
}

void CommandBook::AddPeak(const std::string& command, uint64_t resident_bytes) {
  CommandUse& use = UseOf(EntryOf(command));
  use.max_resident_bytes = std::max(use.max_resident_bytes, resident_bytes);
}

void CommandBook::AddCpu(Entry& entry, int64_t nanoseconds) {
  UseOf(entry).cpu_ns += nanoseconds;
  if (!entry.listed) entry.weight_ns += nanoseconds;
}

void CommandBook::Expect(const std::string& command, int64_t nanoseconds) {
  // At least 1 us, so that a command whose CPU is too short to measure gets a share.
  Expected& expected = EntryOf(command).expected;
  expected.ns += std::max<int64_t>(nanoseconds, 1000);
  ++expected.ends;
}

void CommandBook::AddWaitedFor(int64_t nanoseconds) {
  if (nanoseconds <= 0) return;
  Expected all = rest_.expected + rest_.expected_before;
  for (const auto& [name, entry] : entries_) all = all + entry.expected + entry.expected_before;
  // What comes beyond the expected is what children did after their exit was reported: about the same for
  // each, however long it ran.
  const double come = std::min(1.0, static_cast<double>(nanoseconds) / static_cast<double>(all.ns));
  const double beyond = static_cast<double>(std::max<int64_t>(0, nanoseconds - all.ns));
  int64_t left = nanoseconds;
  const auto take = [&](Entry& entry) {
    const Expected mine = entry.expected + entry.expected_before;
    if (mine.ns == 0) return;
    const double own = come * static_cast<double>(mine.ns);
    const double more = beyond * static_cast<double>(mine.ends) / static_cast<double>(all.ends);
    const auto part = std::min(left, static_cast<int64_t>(own + more));
    AddCpu(entry, part);
    left -= part;
    entry.expected.Take(part - entry.expected_before.Take(part));
  };
  if (all.ns > 0) {
    for (auto& [name, entry] : entries_) take(entry);
    take(rest_);
  }
  // CPU of unknown commands, and what rounding left.
  other_.cpu_ns += left;
}

void CommandBook::EndLook() {
  Entry* smallest = nullptr;
  Entry* largest = nullptr;
  for (auto& [name, entry] : entries_) {
    entry.expected_before = std::exchange(entry.expected, {});
    Entry*& edge = entry.listed ? smallest : largest;
    const bool further =
        edge == nullptr || (entry.listed ? SizeOf(entry) < SizeOf(*edge) : SizeOf(entry) > SizeOf(*edge));
    if (further) edge = &entry;
  }
  rest_.expected_before = std::exchange(rest_.expected, {});
  if (listed_ == kListed && largest != nullptr && largest->use.command != kOtherCommands &&
      SizeOf(*largest) > SizeOf(*smallest)) {
    other_.cpu_ns += smallest->use.cpu_ns;
    other_.started += smallest->use.started;
    other_.failed += smallest->use.failed;
    other_.max_resident_bytes = std::max(other_.max_resident_bytes, smallest->use.max_resident_bytes);
    smallest->weight_ns += smallest->use.cpu_ns;
    smallest->use = {.command = smallest->use.command};
    smallest->listed = false;
    largest->listed = true;
  }
  if (entries_.size() <= kMostKept) return;
  absl::erase_if(entries_, [](const auto& entry) {
    return !entry.second.listed && entry.second.expected_before.ns == 0 && SizeOf(entry.second) < 10'000'000;
  });
}

std::vector<CommandUse> CommandBook::Uses() const {
  std::vector<CommandUse> uses;
  for (const auto& [name, entry] : entries_) {
    if (entry.listed) uses.push_back(entry.use);
  }
  std::sort(uses.begin(), uses.end(),
            [](const CommandUse& a, const CommandUse& b) { return a.command < b.command; });
  if (other_.cpu_ns > 0 || other_.started > 0) uses.push_back(other_);
  return uses;
}

}  // namespace agent_exporter::agents
