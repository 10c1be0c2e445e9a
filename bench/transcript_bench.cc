// What reading a Claude Code transcript costs, a 1 GiB one beside a 4 MiB one with the same end: nothing may
// depend on the length. Two ends: a session at work, where the last lines say it all, and one where a
// subagent wrote so much that the reader goes back as far as it may.
//
//   transcript_bench [FOLDER]     files of 1 GiB, sparse, are made there; default /tmp
//
// Prints medians of interleaved runs as a table; exit status 1 if a long transcript costs over 1.5 times a
// short one's.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "sessions/claude_transcript.h"

namespace agent_exporter::bench {
namespace {

constexpr uint64_t kShort = 4 << 20;
constexpr uint64_t kLong = uint64_t{1} << 30;
constexpr int kRounds = 41;
constexpr double kBar = 1.5;

std::string AnswerLine(bool sidechain) {
  return std::string(R"({"type":"assistant","isSidechain":)") + (sidechain ? "true" : "false") +
         R"(,"timestamp":"2026-01-23T17:13:37.849Z","message":{"id":"m","model":"claude-opus-4-5","usage":)"
         R"({"input_tokens":10,"cache_read_input_tokens":40000,"cache_creation_input_tokens":9990},"content":)"
         R"([{"type":"tool_use","id":"t","name":"Bash","input":{"command":")" +
         std::string(1500, 'x') + "\"}}]}}\n";
}

// kShort bytes of lines; those of a subagent, or of the session itself.
std::string Tail(bool sidechain) {
  const std::string line = AnswerLine(sidechain);
  std::string text;
  while (text.size() + line.size() <= kShort) text += line;
  return std::string(kShort - text.size() - 1, ' ') + "\n" + text;
}

// A file of `size` bytes that ends with `tail`, gone from its folder at once. What stands before is a hole,
// which reads as one line of NULs.
base::Descriptor MakeFile(const std::string& folder, uint64_t size, const std::string& tail) {
  std::string path = folder + "/transcript_bench_XXXXXX";
  base::Descriptor file(::mkstemp(path.data()));
  ::unlink(path.c_str());
  const auto at = static_cast<off_t>(size - tail.size());
  if (!file.ok() || ::ftruncate(file.get(), static_cast<off_t>(size)) != 0 ||
      ::pwrite(file.get(), tail.data(), tail.size(), at) != static_cast<ssize_t>(tail.size())) {
    std::perror("transcript_bench: making a file");
    std::exit(2);
  }
  return file;
}

double ReadOnceMilliseconds(const base::Descriptor& file, uint64_t size) {
  const auto start = std::chrono::steady_clock::now();
  const auto session = sessions::ReadClaudeTranscript(file.get(), size);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  if (!session.ok() || !session->last_activity) std::exit(2);
  return took.count();
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

int Run(const std::string& folder) {
  bool missed = false;
  std::printf("| transcript ends with | 4 MiB | 1 GiB | ratio (at most %.1f) |\n|---|---|---|---|\n", kBar);
  for (const bool sidechain : {false, true}) {
    const std::string tail = Tail(sidechain);
    const std::array<uint64_t, 2> sizes = {kShort, kLong};
    const std::array<base::Descriptor, 2> files = {MakeFile(folder, kShort, tail),
                                                   MakeFile(folder, kLong, tail)};
    std::array<std::vector<double>, 2> took;
    for (int round = 0; round < kRounds; ++round) {
      for (size_t i = 0; i < 2; ++i) took[i].push_back(ReadOnceMilliseconds(files[i], sizes[i]));
    }
    const double ratio = Median(took[1]) / Median(took[0]);
    missed = missed || ratio > kBar;
    std::printf("| %s | %.2f ms | %.2f ms | %.2f |\n",
                sidechain ? "4 MiB of a subagent's lines" : "the session's lines", Median(took[0]),
                Median(took[1]), ratio);
  }
  return missed ? 1 : 0;
}

}  // namespace
}  // namespace agent_exporter::bench

int main(int argc, char** argv) { return agent_exporter::bench::Run(argc > 1 ? argv[1] : "/tmp"); }
