// Drives the exporter's own judge over traces of generate.py.
//
//   leak_replay DIRECTORY [--look SECONDS]
//
// Reads DIRECTORY/traces.jsonl and traces.f32. Writes DIRECTORY/verdicts.jsonl, a line for each trace: its id
// and the changes of the agent's verdict, [second, "none"|"ticket"|"page", seconds to the limit, span], and
// when any limit was more than 90 % full, [from, to]. A look every SECONDS (5) sees the trace's values with
// straight lines between them.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "agents/resource_names.h"
#include "leaks/leak_book.h"

namespace agent_exporter::bench {
namespace {

constexpr double kNearLimit = 0.9;  // alerts/thresholds.yml

// One figure of the agent: rows of what is used and of the limit. NaN: it does not exist.
struct Series {
  agents::ResourceUse use;
  std::vector<float> used, limit;
};

struct Trace {
  std::string id;
  double step = 60;
  size_t length = 0;
  std::vector<Series> series;
  std::vector<float> life;  // a number for each start of the agent; NaN: nobody looks
};

std::vector<float> ReadRow(std::ifstream& data, size_t length) {
  std::vector<float> row(length);
  data.read(reinterpret_cast<char*>(row.data()), static_cast<std::streamsize>(length * sizeof(float)));
  if (!data) throw std::runtime_error("traces.f32 is shorter than traces.jsonl says");
  return row;
}

Trace Read(const nlohmann::json& about, std::ifstream& data) {
  Trace trace{.id = about.at("id"), .step = about.at("step"), .length = about.at("length")};
  data.seekg(static_cast<std::streamoff>(about.at("offset").get<uint64_t>() * sizeof(float)));
  trace.life = ReadRow(data, trace.length);
  for (const nlohmann::json& one : about.at("series")) {
    Series& series = trace.series.emplace_back();
    series.use.scope = agents::ScopeNamed(one.at("scope").get<std::string>()).value();
    series.use.resource = agents::ResourceNamed(one.at("resource").get<std::string>()).value();
    series.use.holder.pid = one.at("holder");
    series.used = ReadRow(data, trace.length);
    series.limit = ReadRow(data, trace.length);
  }
  return trace;
}

double Between(const std::vector<float>& row, size_t at, double share) {
  const double here = row[at], next = at + 1 < row.size() ? row[at + 1] : here;
  return std::isnan(next) ? here : here + (next - here) * share;
}

const char* VerdictOf(const agents::AgentSample& agent, const agents::LeakEvidence** worst) {
  *worst = nullptr;
  for (const agents::LeakEvidence& leak : agent.leaks) {
    if (*worst == nullptr || leak.page > (*worst)->page) *worst = &leak;
  }
  return *worst == nullptr ? "none" : (*worst)->page ? "page" : "ticket";
}

nlohmann::json Replay(const Trace& trace, double look) {
  leaks::LeakBook book;
  nlohmann::json changes = nlohmann::json::array();
  nlohmann::json near = nlohmann::json::array();
  double near_since = -1;
  std::string before = "none";
  agents::AgentSample agent;
  agent.name = trace.id;
  const double end = trace.step * static_cast<double>(trace.length - 1);
  for (double now = 0; now <= end; now += look) {
    const double place = now / trace.step;
    const auto at = static_cast<size_t>(place);
    const double share = place - static_cast<double>(at);
    if (std::isnan(trace.life[at])) continue;
    const auto life = static_cast<uint64_t>(trace.life[at]);
    agent.processes.clear();
    agent.holdings.clear();
    agents::ProcessSample& root = agent.processes.emplace_back();
    root.role = agents::Role::kRoot;
    root.key = {.pid = 1, .start_ticks = life};
    for (const Series& series : trace.series) {
      if (std::isnan(series.used[at])) continue;
      agents::ResourceUse use = series.use;
      // A value that a restart changes is not approached in a straight line.
      const bool same = at + 1 >= trace.length || trace.life[at + 1] == trace.life[at];
      use.used = static_cast<uint64_t>(Between(series.used, at, same ? share : 0));
      use.limit = static_cast<uint64_t>(Between(series.limit, at, same ? share : 0));
      if (use.holder.pid != 0) use.holder.start_ticks = use.holder.pid == 1 ? life : 0;
      if (use.holder.pid > 1 && use.scope == agents::ResourceUse::Scope::kSelf) {
        agents::ProcessSample& another = agent.processes.emplace_back();
        another.role = agents::Role::kRoot;
        another.key = use.holder;
      }
      agent.holdings.push_back(use);
    }
    const bool full = std::any_of(agent.holdings.begin(), agent.holdings.end(),
                                  [](const agents::ResourceUse& use) { return use.ratio() > kNearLimit; });
    if (full && near_since < 0) near_since = now;
    if (!full && near_since >= 0) near.push_back({std::exchange(near_since, -1), now});
    book.Tick(now, &agent);
    const agents::LeakEvidence* leak = nullptr;
    const char* verdict = VerdictOf(agent, &leak);
    if (verdict == before) continue;
    before = verdict;
    changes.push_back({now, verdict, leak == nullptr ? 0 : std::round(leak->seconds_to_limit),
                       leak == nullptr ? 0 : std::round(leak->evidence_span_seconds)});
  }
  if (near_since >= 0) near.push_back({near_since, end});
  return {{"id", trace.id}, {"end", end}, {"changes", changes}, {"near", near}};
}

int Run(int argc, char** argv) {
  if (argc != 2 && (argc != 4 || std::strcmp(argv[2], "--look") != 0)) {
    std::cerr << "leak_replay DIRECTORY [--look SECONDS]\n";
    return 2;
  }
  const std::string directory = argv[1];
  const double look = argc == 4 ? std::stod(argv[3]) : 5;
  std::ifstream index(directory + "/traces.jsonl");
  std::ifstream data(directory + "/traces.f32", std::ios::binary);
  std::ofstream out(directory + "/verdicts.jsonl");
  for (std::string line; std::getline(index, line);) {
    out << Replay(Read(nlohmann::json::parse(line), data), look).dump() << "\n";
  }
  return out ? 0 : 1;
}

}  // namespace
}  // namespace agent_exporter::bench

int main(int argc, char** argv) {
  try {
    return agent_exporter::bench::Run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "leak_replay: " << error.what() << "\n";
    return 1;
  }
}
