#include "agents/v8_heap.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace agent_exporter::agents {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20, kGiB = uint64_t{1} << 30;

// Reads "--max-old-space-size=N", also with underscores or with N as the next word.
std::optional<uint64_t> OldSpace(const std::vector<std::string>& words) {
  std::optional<uint64_t> found;
  for (size_t i = 0; i < words.size(); ++i) {
    std::string flag = words[i].substr(0, words[i].find('='));
    std::replace(flag.begin(), flag.end(), '_', '-');
    if (flag != "--max-old-space-size") continue;
    const size_t equals = words[i].find('=');
    const std::string value = equals != std::string::npos ? words[i].substr(equals + 1)
                              : i + 1 < words.size()      ? words[i + 1]
                                                          : "";
    uint64_t megabytes = 0;
    if (absl::SimpleAtoi(value, &megabytes) && megabytes > 0) found = megabytes * kMiB;
  }
  return found;
}

bool IsNode(std::string_view program) {
  const std::string_view name = program.substr(program.rfind('/') + 1);
  return name == "node" || name == "nodejs";
}

}  // namespace

std::optional<V8Heap> V8HeapOf(std::string_view program, const std::vector<std::string>& arguments,
                               const std::vector<std::string>& environment) {
  if (!IsNode(program)) return std::nullopt;
  if (const auto own = OldSpace(arguments)) return V8Heap{own};
  for (const std::string& variable : environment) {
    absl::string_view options = variable;
    if (!absl::ConsumePrefix(&options, "NODE_OPTIONS=")) continue;
    return V8Heap{OldSpace(absl::StrSplit(options, ' ', absl::SkipEmpty()))};
  }
  return V8Heap{};
}

std::optional<V8Heap> ReadV8Heap(kernel::ProcessFiles& files, const ProcessSample& process) {
  std::string program = process.program.empty() ? process.comm : process.program;
  if (!IsNode(program) && process.role == Role::kRoot) program = files.Exe(process.key).value_or("");
  if (!IsNode(program)) return std::nullopt;
  return V8HeapOf(program, files.Cmdline(process.key).value_or(kernel::CommandLine()).words,
                  files.Environ(process.key).value_or(std::vector<std::string>()));
}

uint64_t DefaultV8HeapBytes(uint64_t memory_bytes) {
  return std::min(memory_bytes / 2, memory_bytes >= 15 * kGiB ? 4 * kGiB : 2 * kGiB);
}

}  // namespace agent_exporter::agents
