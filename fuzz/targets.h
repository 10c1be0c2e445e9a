// The fuzz targets. Each is a function in a file of its own, <name>_fuzz.cc, that takes any bytes and aborts
// on a finding; its seeds are in corpus/<name>/. To add one, declare it here and add a line to targets.cc.
//
// Thread safety: free functions without state.

#ifndef AGENT_EXPORTER_FUZZ_TARGETS_H_
#define AGENT_EXPORTER_FUZZ_TARGETS_H_

#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

namespace agent_exporter::fuzz {

void FuzzClaudeTranscript(std::string_view data);
void FuzzCodexLines(std::string_view data);
void FuzzConfiguration(std::string_view data);
void FuzzGeminiLines(std::string_view data);
void FuzzHttpRequest(std::string_view data);
void FuzzOpencode(std::string_view data);
void FuzzProcFiles(std::string_view data);
void FuzzSlotMessages(std::string_view data);
void FuzzStatusline(std::string_view data);
void FuzzTaskstats(std::string_view data);

struct Target {
  const char* name;
  void (*run)(std::string_view data);
};
std::span<const Target> Targets();

inline void Require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "fuzz: %s\n", what);
  std::abort();
}

}  // namespace agent_exporter::fuzz

#endif  // AGENT_EXPORTER_FUZZ_TARGETS_H_
