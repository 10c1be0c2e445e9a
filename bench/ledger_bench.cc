// The ledger at the size it is made for: 7 days of 100 sources at 60 s, a million rows. Prints one Markdown
// table; exit status 1: a bar is missed. The file goes to $TMPDIR or /var/tmp (a disk, not memory) and away.

#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "ledger/reader.h"
#include "ledger/recorder.h"
#include "ledger/schema.h"
#include "ledger/writer.h"

namespace agent_exporter::bench {
namespace {

constexpr int kSources = 100;
constexpr int64_t kMinute = 60'000;
constexpr int64_t kTicks = 7 * 24 * 60;
constexpr int64_t kNow = 1'700'000'000'000;
constexpr int kRounds = 100;

using Time = std::chrono::steady_clock;

double MillisSince(Time::time_point start) {
  return std::chrono::duration<double, std::milli>(Time::now() - start).count();
}

template <typename Status>
void Check(const Status& status, const char* what) {
  if (status.ok()) return;
  std::fprintf(stderr, "ledger_bench: %s failed\n", what);
  std::exit(2);
}

// The 95th percentile of `rounds` runs, after three to warm up.
double P95(int rounds, const std::function<void()>& run) {
  std::vector<double> times;
  for (int i = -3; i < rounds; ++i) {
    const auto start = Time::now();
    run();
    if (i >= 0) times.push_back(MillisSince(start));
  }
  std::sort(times.begin(), times.end());
  return times[times.size() * 95 / 100];
}

bool missed = false;

void Row(const std::string& figure, double measured, const char* unit, double bar) {
  const bool met = measured <= bar;
  missed |= !met;
  std::printf("| %s | %.2f %s | <= %g %s | %s |\n", figure.c_str(), measured, unit, bar, unit,
              met ? "yes" : "**no**");
  std::fflush(stdout);
}

std::vector<ledger::SourceSample> Tick(std::mt19937& random) {
  std::vector<ledger::SourceSample> samples;
  samples.reserve(kSources);
  for (int i = 0; i < kSources; ++i) {
    samples.push_back({.agent = "codex",
                       .source = i == 0   ? "agent-server"
                                 : i == 1 ? "aggregate"
                                          : "session:" + std::to_string(i),
                       .pid = 100'000 + i,
                       .cpu_percent = static_cast<double>(random() % 20'000) / 100,
                       .rss_bytes = static_cast<int64_t>(random() % 4'000'000) * 1024});
  }
  return samples;
}

double Megabytes(const std::string& path) {
  double bytes = 0;
  for (const char* suffix : {"", "-wal"}) {
    std::error_code error;
    const auto size = std::filesystem::file_size(path + suffix, error);
    if (!error) bytes += static_cast<double>(size);
  }
  return bytes / 1e6;
}

std::shared_ptr<const agents::Observation> LookAt(int64_t ms) {
  auto observation = std::make_shared<agents::Observation>();
  observation->wall_seconds = static_cast<double>(ms) / 1000;
  observation->monotonic_seconds = static_cast<double>(ms - kNow) / 1000 + 1e6;
  return observation;
}

void Queries(const std::string& path) {
  ledger::LedgerReader reader(path);
  for (const int hours : {1, 24, 168}) {
    Row("summary of " + std::to_string(hours) + " h, p95",
        P95(kRounds,
            [&] {
              Check(reader.Summarize({.since = kNow - hours * ledger::kMillisPerHour, .now = kNow}).status(),
                    "summary");
            }),
        "ms", 50);
  }
  const int64_t since = kNow - 168 * ledger::kMillisPerHour;
  const std::pair<const char*, ledger::LedgerWindow> pages[] = {
      {"newest page of samples, p95", {.since = since, .now = kNow}},
      {"page of one agent's samples, p95", {.agent = "codex", .since = since, .now = kNow}},
      {"page of one source's samples, p95", {.source = "session:50", .since = since, .now = kNow}},
  };
  std::mt19937 random(7);
  for (const auto& [name, window] : pages) {
    Row(name,
        P95(kRounds,
            [&] {
              const ledger::SampleCursor cursor{since + static_cast<int64_t>(random() % (kTicks * kMinute)),
                                                50};
              Check(reader.Samples(window, cursor, 200).status(), "samples");
            }),
        "ms", 20);
  }
  Row("rate limits of 24 h, p95",
      P95(kRounds,
          [&] {
            Check(reader.Events({.since = kNow - 24 * ledger::kMillisPerHour, .now = kNow}).status(),
                  "events");
          }),
      "ms", 20);
}

// What a scrape sees of the ledger while the recorder removes two days of rows: its longest wait.
void ScrapesDuringPrune(const std::string& path) {
  auto recorder = ledger::LedgerRecorder::Make({.path = path, .retention = std::chrono::hours(5 * 24)});
  Check(recorder.status(), "recorder");
  double longest = 0;
  int64_t scrapes = 0;
  for (int tick = 1; tick <= 15; ++tick) {
    (*recorder)->Submit(LookAt(kNow + tick * 6 * kMinute));
    while ((*recorder)->stats().writes < static_cast<uint64_t>(tick)) {
      const auto start = Time::now();
      const ledger::LedgerStats stats = (*recorder)->stats();
      longest = std::max(longest, MillisSince(start));
      ++scrapes;
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }
  (*recorder)->Stop();
  auto db = ledger::OpenLedgerReadOnly(path);
  Check(db.status(), "open");
  const int64_t left = db->Number("SELECT count(*) FROM samples")->value_or(0);
  Row("longest wait of " + std::to_string(scrapes) + " scrapes while " +
          std::to_string(kTicks * kSources - left) + " rows were removed",
      longest, "ms", 5);
}

int Run() {
  const char* root = std::getenv("TMPDIR");
  std::string directory = std::string(root == nullptr ? "/var/tmp" : root) + "/ledger_bench_XXXXXX";
  if (mkdtemp(directory.data()) == nullptr) return 2;
  const std::string path = directory + "/ledger.db";
  std::printf("| figure | measured | bar | met |\n|---|---|---|---|\n");
  {
    auto writer = ledger::LedgerWriter::Open(path, std::chrono::seconds(1), false);
    Check(writer.status(), "open");
    std::mt19937 random(1);
    std::vector<double> times;
    for (int64_t tick = 0; tick < kTicks; ++tick) {
      const std::vector<ledger::SourceSample> samples = Tick(random);
      const int64_t ts = kNow - (kTicks - 1 - tick) * kMinute;
      const auto start = Time::now();
      Check((*writer)->WriteTick(ts, ts + 2 * kMinute, samples), "tick");
      times.push_back(MillisSince(start));
    }
    std::vector<ledger::RateLimitEvent> events;
    events.reserve(2000);
    for (int i = 0; i < 2000; ++i) {
      events.push_back(
          {.agent = "codex", .source = "breaker", .kind = "trip", .ts = kNow - i * 30'000, .seq = i});
    }
    Check((*writer)->AddEvents(events).status(), "events");
    std::sort(times.begin(), times.end());
    Row("writing a tick of 100 sources, p95", times[times.size() * 95 / 100], "ms", 50);
    Row("file of " + std::to_string(kTicks * kSources) + " rows", Megabytes(path), "MB", 100);
  }
  Queries(path);
  ScrapesDuringPrune(path);
  std::filesystem::remove_all(directory);
  return missed ? 1 : 0;
}

}  // namespace
}  // namespace agent_exporter::bench

int main() { return agent_exporter::bench::Run(); }
