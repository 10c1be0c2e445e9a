// What evidence of leaks costs: one tick of 200 agents with six figures each, as it comes once a second.
//
// cores: share of a core at one tick a second. bytes: what the evidence of all agents takes.

#include <benchmark/benchmark.h>

#include <cmath>
#include <string>
#include <vector>

#include "leaks/leak_book.h"

namespace agent_exporter::bench {
namespace {

constexpr int kAgents = 200;

std::vector<agents::AgentSample> Agents() {
  using Use = agents::ResourceUse;
  std::vector<agents::AgentSample> agents(kAgents);
  for (int i = 0; i < kAgents; ++i) {
    agents[static_cast<size_t>(i)].name = "agent" + std::to_string(i);
    agents::ProcessSample& root = agents[static_cast<size_t>(i)].processes.emplace_back();
    root.key = {100 + i, 1};
    root.role = agents::Role::kRoot;
    for (const auto scope : {Use::Scope::kSelf, Use::Scope::kTree}) {
      for (const auto resource : {Use::Resource::kFds, Use::Resource::kMemory, Use::Resource::kPids}) {
        agents[static_cast<size_t>(i)].holdings.push_back(
            {scope, resource, Use::Source::kRlimit, 1000, uint64_t{1} << 20});
      }
    }
  }
  return agents;
}

// Every figure rises, so that every width is judged to the end; nothing is taken for granted.
void OneTick(benchmark::State& state) {
  leaks::LeakBook book;
  std::vector<agents::AgentSample> agents = Agents();
  double now = 0;
  const auto tick = [&] {
    for (agents::AgentSample& agent : agents) {
      for (agents::ResourceUse& use : agent.holdings) use.used = 1000 + static_cast<uint64_t>(now / 10);
      book.Tick(now, &agent);
    }
    book.ForgetUnseen();
    now += 1;
  };
  while (now < 4 * 3600) tick();  // the ladders fill up
  for (auto _ : state) tick();
  state.counters["cores"] =
      benchmark::Counter(1, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  state.counters["bytes"] = static_cast<double>(book.Save(0).size());
}
// Whole multiples of the ladder's 512 minutes would be best; two hours hold sixty completions of the finest.
BENCHMARK(OneTick)->Iterations(7200)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace agent_exporter::bench

BENCHMARK_MAIN();
