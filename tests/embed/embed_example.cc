// An agent written in C++ that exports its own figures and those of the exporter's collectors in one
// registry. Here it prints them once.

#include <prometheus/text_serializer.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <iostream>
#include <memory>
#include <utility>
#include <vector>

#include "agents/observer.h"
#include "agents/rules.h"
#include "agents/rules_yaml.h"
#include "collectors/collector.h"
#include "kernel/procfs_source.h"
#include "kernel/rooted_reader.h"
#include "kernel/unreadable.h"

int main() {
  using namespace agent_exporter;
  auto rules = agents::RulesFromYaml(YAML::Load("[{name: this, match: {comm: embed_example}}]"), "example");
  if (!rules.ok()) {
    std::cerr << rules.status() << "\n";
    return 1;
  }
  auto rule_set = agents::RuleSet::Make(*std::move(rules));
  const kernel::RootedReader proc("/proc"), cgroups("/sys/fs/cgroup");
  kernel::Unreadable unreadable;
  kernel::ProcfsSource source(proc, unreadable, sysconf(_SC_CLK_TCK), 0);
  agents::Observer observer({.clock_ticks = sysconf(_SC_CLK_TCK)}, *std::move(rule_set), source, nullptr,
                            proc, cgroups, unreadable);
  const auto observation = observer.Observe(true);
  if (!observation.ok()) {
    std::cerr << observation.status() << "\n";
    return 1;
  }

  std::vector<prometheus::MetricFamily> families;
  for (const collectors::CollectorRow& row : collectors::CollectorTable()) {
    const collectors::ObservationCollectable collectable(row, [&] { return *observation; });
    for (prometheus::MetricFamily& family : collectable.Collect()) families.push_back(std::move(family));
  }
  std::cout << prometheus::TextSerializer().Serialize(families);
}
