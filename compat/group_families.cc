#include "compat/group_families.h"

#include "collectors/family.h"

namespace agent_exporter::compat {
namespace {

using collectors::Family;
using collectors::Labels;

Labels Of(const std::string& name, std::string key = "", std::string value = "") {
  Labels labels{{"groupname", name}};
  if (!key.empty()) labels.push_back({std::move(key), std::move(value)});
  return labels;
}

// By kernel::ThreadFigures::StateIndex.
constexpr const char* kStates[] = {"Running", "Sleeping", "Waiting", "Zombie", "Other"};

double Seconds(int64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e9; }

void AddNow(const std::map<std::string, Group>& groups, const GroupOptions& options,
            collectors::Families* families) {
  Family processes = Family::Gauge("namedprocess_namegroup_num_procs", "Processes in this group.");
  Family threads = Family::Gauge("namedprocess_namegroup_num_threads", "Threads of this group.");
  Family memory = Family::Gauge("namedprocess_namegroup_memory_bytes", "Memory in use.");
  Family fds = Family::Gauge("namedprocess_namegroup_open_filedesc", "Open descriptors of this group.");
  Family ratio = Family::Gauge("namedprocess_namegroup_worst_fd_ratio",
                               "Open descriptors over the soft limit, of the process nearest to it.");
  Family oldest = Family::Gauge("namedprocess_namegroup_oldest_start_time_seconds",
                                "When the oldest process of this group started, since the epoch.");
  Family states = Family::Gauge("namedprocess_namegroup_states", "Threads in each state.");
  for (const auto& [name, group] : groups) {
    processes.Add(Of(name), group.processes);
    threads.Add(Of(name), group.threads);
    memory.Add(Of(name, "memtype", "resident"), group.resident.value());
    memory.Add(Of(name, "memtype", "virtual"), group.virtual_size.value());
    memory.Add(Of(name, "memtype", "swapped"), group.swapped.value());
    if (options.proportional_memory) {
      memory.Add(Of(name, "memtype", "proportionalResident"), group.proportional.value());
      memory.Add(Of(name, "memtype", "proportionalSwapped"), group.proportional_swapped.value());
    }
    fds.Add(Of(name), group.open_fds.value());
    if (group.fd_ratio_known) ratio.Add(Of(name), group.worst_fd_ratio);
    if (group.oldest_start) oldest.Add(Of(name), *group.oldest_start);
    for (size_t i = 0; i < group.states.size(); ++i) {
      states.Add(Of(name, "state", kStates[i]), group.states[i]);
    }
  }
  for (auto& family : collectors::Collected(processes, threads, memory, fds, ratio, oldest, states)) {
    families->push_back(std::move(family));
  }
}

void AddTotals(const std::map<std::string, Group>& groups, collectors::Families* families) {
  Family cpu = Family::Counter("namedprocess_namegroup_cpu_seconds_total", "CPU time used.");
  Family read = Family::Counter("namedprocess_namegroup_read_bytes_total", "Bytes read from storage.");
  Family write = Family::Counter("namedprocess_namegroup_write_bytes_total", "Bytes written to storage.");
  Family major = Family::Counter("namedprocess_namegroup_major_page_faults_total", "Major page faults.");
  Family minor = Family::Counter("namedprocess_namegroup_minor_page_faults_total", "Minor page faults.");
  Family switches =
      Family::Counter("namedprocess_namegroup_context_switches_total", "Context switches of all threads.");
  for (const auto& [name, group] : groups) {
    const Counts& total = group.total;
    cpu.Add(Of(name, "mode", "user"), Seconds(total.cpu.user_ns));
    cpu.Add(Of(name, "mode", "system"), Seconds(total.cpu.system_ns));
    read.Add(Of(name), total.read_bytes);
    write.Add(Of(name), total.write_bytes);
    major.Add(Of(name), total.major_faults);
    minor.Add(Of(name), total.minor_faults);
    switches.Add(Of(name, "ctxswitchtype", "voluntary"), total.voluntary_switches);
    switches.Add(Of(name, "ctxswitchtype", "nonvoluntary"), total.involuntary_switches);
  }
  for (auto& family : collectors::Collected(cpu, read, write, major, minor, switches)) {
    families->push_back(std::move(family));
  }
}

// Untyped, because a counter's name must end in _total.
prometheus::MetricFamily Errors(std::string name, std::string help, uint64_t value) {
  prometheus::MetricFamily family{.name = std::move(name),
                                  .help = std::move(help),
                                  .type = prometheus::MetricType::Untyped,
                                  .metric = {}};
  family.metric.emplace_back().untyped.value = static_cast<double>(value);
  return family;
}

}  // namespace

std::vector<prometheus::MetricFamily> GroupFamilies(const std::map<std::string, Group>& groups,
                                                    const ProcessGroups::Errors& errors,
                                                    const GroupOptions& options) {
  collectors::Families families;
  AddTotals(groups, &families);
  AddNow(groups, options, &families);
  families.push_back(
      Errors("namedprocess_scrape_errors", "Scrapes without any figures of processes.", errors.looks));
  families.push_back(
      Errors("namedprocess_scrape_procread_errors", "Processes that could not be read.", errors.processes));
  families.push_back(Errors("namedprocess_scrape_partial_errors",
                            "Members of groups of which something could not be read.", errors.partial));
  return families;
}

std::vector<prometheus::MetricFamily> GroupCollectable::Collect() const {
  const std::lock_guard lock(mutex_);
  if (!groups_->Look().ok()) return GroupFamilies({}, groups_->errors(), options_);
  return GroupFamilies(groups_->groups(), groups_->errors(), options_);
}

void GroupCollectable::SetRules(GroupRules rules) {
  const std::lock_guard lock(mutex_);
  groups_->SetRules(std::move(rules));
}

}  // namespace agent_exporter::compat
