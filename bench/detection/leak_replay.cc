// Drives the exporter's own evidence code over traces of generate.py.
//
//   leak_replay DIRECTORY [--openmetrics SHARD/SHARDS]
//
// Reads DIRECTORY/traces.jsonl and traces.f64. Writes DIRECTORY/evidence.f64: for each trace three rows of
// `minutes` doubles: seconds to the limit (inf: no evidence), growth per second, span in seconds. With
// --openmetrics it writes the traces and their evidence to stdout instead, as the exporter would have shown
// them minute by minute from kFirstSecond on, every SHARDS-th trace from SHARD on, for promtool tsdb
// create-blocks-from.

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "collectors/family.h"
#include "leaks/leak_book.h"

namespace agent_exporter::bench {
namespace {

// Of the replayed time: a Monday, 2024-01-01 00:00 UTC.
constexpr int64_t kFirstSecond = 1704067200;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Trace {
  std::string id;
  agents::ResourceUse::Scope scope = agents::ResourceUse::Scope::kSelf;
  agents::ResourceUse::Resource resource = agents::ResourceUse::Resource::kFds;
  size_t minutes = 0;
  std::vector<double> used, limit, epoch, zombies;
  std::vector<agents::LeakEvidence> evidence;
};

std::vector<double> ReadRow(std::ifstream& data, size_t minutes) {
  std::vector<double> row(minutes);
  data.read(reinterpret_cast<char*>(row.data()), static_cast<std::streamsize>(minutes * sizeof(double)));
  if (!data) throw std::runtime_error("traces.f64 is shorter than traces.jsonl says");
  return row;
}

agents::ResourceUse::Resource ResourceOf(const std::string& name) {
  if (name == "fds") return agents::ResourceUse::Resource::kFds;
  return name == "memory" ? agents::ResourceUse::Resource::kMemory : agents::ResourceUse::Resource::kPids;
}

void Replay(Trace* trace) {
  leaks::LeakBook book;
  trace->evidence.resize(trace->minutes);
  for (size_t minute = 0; minute < trace->minutes; ++minute) {
    if (std::isnan(trace->used[minute])) continue;
    agents::AgentSample agent;
    agent.name = trace->id;
    agents::ProcessSample& root = agent.processes.emplace_back();
    root.role = agents::Role::kRoot;
    root.key = {.pid = 100, .start_ticks = static_cast<uint64_t>(trace->epoch[minute])};
    agent.resources = {{trace->scope, trace->resource, agents::ResourceUse::Source::kRlimit,
                        static_cast<uint64_t>(trace->used[minute]),
                        static_cast<uint64_t>(trace->limit[minute])}};
    book.Tick(static_cast<double>(minute) * 60, &agent);
    trace->evidence[minute] = agent.leaks.at(0);
  }
}

void WriteEvidence(const Trace& trace, std::ofstream& out) {
  for (double agents::LeakEvidence::* field :
       {&agents::LeakEvidence::seconds_to_limit, &agents::LeakEvidence::growth_per_second,
        &agents::LeakEvidence::evidence_span_seconds}) {
    for (const agents::LeakEvidence& evidence : trace.evidence) {
      out.write(reinterpret_cast<const char*>(&(evidence.*field)), sizeof(double));
    }
  }
}

// One family after the other, as OpenMetrics wants it. `value` gives NaN where there is no sample.
void WriteFamily(const std::vector<Trace>& traces, const std::string& name, const std::string& type,
                 const std::function<std::string(const Trace&)>& labels,
                 const std::function<double(const Trace&, size_t)>& value) {
  fmt::print("# TYPE {} {}\n", name, type);
  const std::string sample = type == "counter" ? name + "_total" : name;
  for (const Trace& trace : traces) {
    const std::string series = fmt::format("{}{{job=\"agent_exporter\",instance=\"lab\",agent=\"{}\"{}}}",
                                           sample, trace.id, labels(trace));
    for (size_t minute = 0; minute < trace.minutes; ++minute) {
      const double figure = std::isnan(trace.used[minute]) ? std::nan("") : value(trace, minute);
      if (std::isnan(figure)) continue;
      const std::string text = figure == kInfinity ? "+Inf" : fmt::format("{}", figure);
      fmt::print("{} {} {}\n", series, text, kFirstSecond + 60 * static_cast<int64_t>(minute));
    }
  }
}

void WriteOpenMetrics(const std::vector<Trace>& traces) {
  const auto of_resource = [](const Trace& trace) {
    return fmt::format(",scope=\"{}\",resource=\"{}\"", Name(trace.scope), Name(trace.resource));
  };
  const auto none = [](const Trace&) { return std::string(); };
  WriteFamily(traces, "agent_resource_used", "gauge", of_resource,
              [](const Trace& trace, size_t minute) { return trace.used[minute]; });
  WriteFamily(traces, "agent_resource_limit", "gauge", of_resource,
              [](const Trace& trace, size_t minute) { return trace.limit[minute]; });
  WriteFamily(traces, "agent_resource_used_ratio", "gauge", of_resource,
              [](const Trace& trace, size_t minute) { return trace.used[minute] / trace.limit[minute]; });
  WriteFamily(traces, "agent_leak_seconds_to_limit", "gauge", of_resource,
              [](const Trace& trace, size_t minute) { return trace.evidence[minute].seconds_to_limit; });
  WriteFamily(traces, "agent_leak_growth_per_second", "gauge", of_resource,
              [](const Trace& trace, size_t minute) { return trace.evidence[minute].growth_per_second; });
  WriteFamily(traces, "agent_restarts", "counter", none,
              [](const Trace& trace, size_t minute) { return trace.epoch[minute]; });
  WriteFamily(
      traces, "agent_descendants", "gauge", [](const Trace&) { return std::string(",state=\"zombie\""); },
      [](const Trace& trace, size_t minute) { return trace.zombies[minute]; });
  WriteFamily(traces, "agent_up", "gauge", none, [](const Trace&, size_t) { return 1; });
  std::puts("# EOF");
}

int Run(int argc, char** argv) {
  if (argc != 2 && argc != 4) {
    std::cerr << "leak_replay DIRECTORY [--openmetrics SHARD/SHARDS]\n";
    return 2;
  }
  const std::string directory = argv[1];
  unsigned shard = 0, shards = 1;
  if (argc == 4 && std::sscanf(argv[3], "%u/%u", &shard, &shards) != 2) return 2;
  std::ifstream index(directory + "/traces.jsonl");
  std::ifstream data(directory + "/traces.f64", std::ios::binary);
  std::ofstream out;
  if (argc == 2) out.open(directory + "/evidence.f64", std::ios::binary);
  std::vector<Trace> traces;
  size_t number = 0;
  for (std::string line; std::getline(index, line); ++number) {
    if (number % shards != shard) continue;
    const nlohmann::json about = nlohmann::json::parse(line);
    Trace trace{.id = about.at("id"),
                .scope = about.at("scope") == "self" ? agents::ResourceUse::Scope::kSelf
                                                     : agents::ResourceUse::Scope::kTree,
                .resource = ResourceOf(about.at("resource")),
                .minutes = about.at("minutes")};
    data.seekg(static_cast<std::streamoff>(about.at("offset").get<uint64_t>() * sizeof(double)));
    for (auto* row : {&trace.used, &trace.limit, &trace.epoch, &trace.zombies})
      *row = ReadRow(data, trace.minutes);
    Replay(&trace);
    if (argc == 2) {
      WriteEvidence(trace, out);
    } else {
      traces.push_back(std::move(trace));
    }
  }
  if (argc == 4) WriteOpenMetrics(traces);
  return 0;
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
