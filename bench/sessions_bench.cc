// What following sessions costs: 50 sessions whose transcripts are 10 MB and grow by 10 KB a second, read
// every second. Prints the CPU of the first reading, then that of the looks as a share of a core, and how
// much memory the readers took.
//
//   sessions_bench [FOLDER]     500 MB are written there; default /tmp
//
// Exit status 1 if the looks cost more than 1 % of a core or the readers more than 4 MB.

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "sessions/session_reader.h"

namespace agent_exporter::bench {
namespace {

constexpr int kSessions = 50;
constexpr size_t kSize = 10'000'000;
constexpr size_t kGrowth = 10'000;
constexpr int kLooks = 60;

double CpuSeconds() {
  struct rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

double HeapMegabytes() { return static_cast<double>(::mallinfo2().uordblks) / 1e6; }

// An answer, its tool call and the result: about 5 KB, most of it text.
std::string Turn(int number) {
  const std::string id = std::to_string(number);
  const std::string usage =
      R"("usage":{"input_tokens":10,"cache_read_input_tokens":40000,"cache_creation_input_tokens":990,"output_tokens":300})";
  return R"({"parentUuid":"p","isSidechain":false,"type":"assistant","timestamp":"2026-01-23T17:13:37.849Z","requestId":"r)" +
         id + R"(","message":{"id":"msg_)" + id + R"(","role":"assistant","model":"claude-opus-4-5",)" +
         usage + R"(,"content":[{"type":"text","text":")" + std::string(800, 'x') +
         R"("},{"type":"tool_use","id":"t)" + id + R"(","name":"Bash","input":{"command":"make"}}]}})" +
         "\n" +
         R"({"parentUuid":"p","isSidechain":false,"type":"user","timestamp":"2026-01-23T17:13:38.849Z","message":)"
         R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"t)" +
         id + R"(","content":")" + std::string(3700, 'y') + "\"}]}}\n";
}

struct Followed {
  sessions::SessionProcess process;
  std::unique_ptr<sessions::SessionReader> reader;
  std::string file;
  int turns = 0;

  void Grow(size_t bytes) {
    std::ofstream out(file, std::ios::app);
    for (size_t written = 0; written < bytes;) {
      const std::string turn = Turn(turns++);
      out << turn;
      written += turn.size();
    }
  }
  void Read(uint64_t bytes) const {
    if (!reader->Read(process, &bytes).ok()) std::exit(2);
  }
};

int Run(const std::string& folder) {
  const std::string home = folder + "/sessions_bench_" + std::to_string(::getpid());
  std::vector<Followed> sessions(kSessions);
  for (int i = 0; i < kSessions; ++i) {
    Followed& session = sessions[i];
    session.process = {.inner_pid = i + 1, .uid = ::getuid(), .cwd = "/w/" + std::to_string(i), .home = home};
    session.reader = sessions::MakeSessionReader("claude", {});
    const std::string projects = home + "/.claude/projects/-w-" + std::to_string(i);
    std::filesystem::create_directories(projects);
    session.file = projects + "/s.jsonl";
    session.Grow(kSize);
  }
  const double heap = HeapMegabytes();
  double cpu = CpuSeconds();
  for (const Followed& session : sessions) session.Read(2 * kSize);
  std::printf("first reading    %8.2f s of CPU for %d MB\n", CpuSeconds() - cpu,
              static_cast<int>(kSessions * kSize / 1'000'000));
  double looks = 0;
  for (int look = 0; look < kLooks; ++look) {
    for (Followed& session : sessions) session.Grow(kGrowth);
    cpu = CpuSeconds();
    for (const Followed& session : sessions) session.Read(1 << 20);
    looks += CpuSeconds() - cpu;
  }
  const double share = 100 * looks / kLooks, memory = HeapMegabytes() - heap;
  std::printf("a look a second  %8.2f %% of a core\nmemory           %8.2f MB\n", share, memory);
  std::filesystem::remove_all(home);
  return share <= 1 && memory <= 4 ? 0 : 1;
}

}  // namespace
}  // namespace agent_exporter::bench

int main(int argc, char** argv) { return agent_exporter::bench::Run(argc > 1 ? argv[1] : "/tmp"); }
