#include "agents/observer.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "agents/command_name.h"
#include "agents/complete_sum.h"
#include "agents/program_facts.h"

namespace agent_exporter::agents {
namespace {

// Node 24 and Node's single-executable programs give their main thread this name, whatever they run.
constexpr std::string_view kMainThread = "MainThread";

constexpr size_t kMaxComm = 15;  // how much of a name the kernel keeps
constexpr double kShowEndsSeconds = 10;

uint64_t TicksSinceBoot(const Observer::Options& options) {
  return static_cast<uint64_t>(options.clock().boottime * static_cast<double>(options.clock_ticks));
}

void CountRise(std::optional<uint64_t> now, bool from_birth, std::optional<uint64_t>& counted,
               uint64_t& counter) {
  if (!now) return;
  const uint64_t before = counted.value_or(from_birth ? 0 : *now);
  if (*now > before) counter += *now - before;
  counted = std::max(*now, before);
}

bool RootsFirstThenAge(const TrackedProcess* a, const TrackedProcess* b) {
  return std::tuple(a->role != Role::kRoot, a->stat.key.start_ticks, a->stat.key.pid) <
         std::tuple(b->role != Role::kRoot, b->stat.key.start_ticks, b->stat.key.pid);
}

void NoteMaxima(AgentGroup& group, double now, AgentSample* agent) {
  CompleteSum resident, open_fds;
  uint64_t descendants = 0;
  bool any_root = false;
  for (const ProcessSample& process : agent->processes) {
    if (process.role == Role::kDescendant) ++descendants;
    if (process.role != Role::kRoot || process.state == 'Z') continue;
    any_root = true;
    resident.Add(process.usage.resident_bytes);
    open_fds.Add(process.usage.open_fds);
  }
  group.self_resident_max.Add(now, any_root ? resident.value() : std::nullopt);
  group.self_open_fds_max.Add(now, any_root ? open_fds.value() : std::nullopt);
  group.descendants_max.Add(now, agent->processes.empty() ? std::nullopt : std::optional(descendants));
  agent->self_resident_max = group.self_resident_max.Get();
  agent->self_open_fds_max = group.self_open_fds_max.Get();
  agent->descendants_max = group.descendants_max.Get();
}

// Keeps the use of the limits, in case the root ends before the next sample.
void RecordAlive(AgentGroup& group, const AgentSample& agent) {
  for (const ProcessSample& process : agent.processes) {
    if (process.role != Role::kRoot || process.state == 'Z') continue;
    group.last_resources = agent.resources;
    return;
  }
}

void MoveRatio(AgentGroup::CpuRatio& cpu, int64_t counted_ns, double wall) {
  const int64_t used = cpu.tick_ns ? counted_ns - *cpu.tick_ns : 0;
  cpu.ratio = cpu.tick_ns && wall > 0 ? static_cast<double>(used) * 1e-9 / wall : 0;
  cpu.tick_ns = counted_ns;
}

void NoteCpuRatios(AgentGroup& group, double now, bool tick, AgentSample* agent) {
  if (tick) {
    const double wall = now - group.cpu_tick_time;
    const AgentCounters& counters = group.counters;
    MoveRatio(group.self_cpu, counters.self_cpu.total_ns(), wall);
    MoveRatio(group.tree_cpu, counters.self_cpu.total_ns() + counters.descendants_cpu.total_ns(), wall);
    group.cpu_tick_time = now;
  }
  agent->self_cpu_ratio = group.self_cpu.ratio;
  agent->tree_cpu_ratio = group.tree_cpu.ratio;
}

bool EndedBy(const RootExit& end, int signal) {
  return end.status && (WIFSIGNALED(*end.status) ? WTERMSIG(*end.status) == signal
                                                 : WEXITSTATUS(*end.status) == 128 + signal);
}

}  // namespace

Observer::Observer(Options options, RuleSet rules, kernel::ProcessSource& source,
                   kernel::ProcessEvents* events, const kernel::RootedReader& proc,
                   const kernel::RootedReader& cgroup_root, kernel::Unreadable& unreadable)
    : options_(std::move(options)),
      source_(source),
      events_(events),
      proc_(proc),
      unreadable_(unreadable),
      files_(proc),
      host_reader_(proc, unreadable),
      cgroup_reader_(cgroup_root),
      shared_use_reader_(proc),
      limits_(files_, cgroup_reader_, shared_use_reader_, unreadable),
      oom_evidence_(cgroup_reader_),
      tracker_(
          {.self_pid = options_.self_pid,
           .max_agents = options_.max_agents,
           .forget_after_seconds = options_.forget_after_seconds,
           .start_ticks = TicksSinceBoot(options_)},
          std::move(rules),
          [this](const kernel::ProcessStat& stat,
                 const std::shared_ptr<const kernel::Program>& program) -> std::unique_ptr<ProcessFacts> {
            auto live = std::make_unique<LazyProcessFacts>(stat.key, stat.comm, files_, unreadable_);
            if (program == nullptr) return live;
            return std::make_unique<ProgramFacts>(
                program, std::move(live), [this, key = stat.key] { return source_.ReadOne(key).ok(); });
          },
          [this](kernel::ProcessStat* stat) {
            auto again = source_.ReadOne(stat->key);
            if (!again.ok()) return !absl::IsNotFound(again.status());
            *stat = *std::move(again);
            return true;
          }),
      boot_time_(kernel::ReadBootTime(proc).value_or(0)),
      start_ticks_(TicksSinceBoot(options_)) {
  oom_evidence_.EndLook(host_reader_.Read().oom_kills,
                        options_.clock().boottime);  // agents may end before the second sample
  unreadable_.Take();                                // the first sample counts its own
}

absl::StatusOr<std::shared_ptr<const Observation>> Observer::Observe(bool tick) {
  const base::ClockReading now = options_.clock();
  if (absl::Status status = Look(now); !status.ok()) return status;

  auto observation = std::make_shared<Observation>();
  observation->wall_seconds = now.wall;
  observation->monotonic_seconds = now.monotonic;
  observation->boot_time_seconds = static_cast<double>(boot_time_);
  observation->clock_ticks = static_cast<double>(options_.clock_ticks);
  observation->process_source = source_.name();
  observation->process_events = events_ == nullptr ? "none" : events_->name();
  if (events_ != nullptr) {
    observation->events_lost = events_->lost();
    observation->tracking_disagreements = disagreements_;
  }
  observation->self_pid = options_.self_pid;
  observation->host = host_reader_.Read();
  observation->host.processes = CountProcesses();
  observation->host.named_processes = named_processes_;
  observation->agents_folded = tracker_.folded();

  absl::flat_hash_map<const AgentGroup*, std::vector<const TrackedProcess*>> by_group;
  for (const TrackedProcess* process : tracker_.members()) by_group[process->group.get()].push_back(process);
  for (const auto& [key, group] : tracker_.groups().groups()) {
    AgentSample& agent = observation->agents.emplace_back();
    agent.name = group->name;
    agent.kind = group->kind;
    agent.slot = group->slot;
    agent.configured = group->configured || group->from_template;
    // Sorts pointers before making the samples, because a sample has half a kilobyte.
    std::vector<const TrackedProcess*>& members = by_group[group.get()];
    std::sort(members.begin(), members.end(), RootsFirstThenAge);
    agent.processes.reserve(members.size());
    for (const TrackedProcess* member : members) {
      if (!SampleProcess(*member, now, tick, &agent.processes.emplace_back())) agent.processes.pop_back();
    }
    AddEndedRoots(*group, *observation, tick, &agent);
    agent.counters = group->counters;  // sampling added to them
    agent.commands = group->commands.Uses();
    NoteCpuRatios(*group, now.monotonic, tick, &agent);
    NoteMaxima(*group, now.monotonic, &agent);
    limits_.Tightest(agent, observation->host, now.monotonic);
    RecordAlive(*group, agent);
    for (const ProcessSample& process : agent.processes) {
      if (process.role != Role::kRoot || process.state == 'Z') continue;
      oom_evidence_.RecordAlive(process.key, limits_.Membership(process.key), now.boottime);
    }
  }
  oom_evidence_.EndLook(observation->host.oom_kills, now.boottime);
  observation->unreadable = unreadable_.Take();
  if (options_.conclude) options_.conclude(now.boottime, tick, *observation);
  return observation;
}

void Observer::AddEndedRoots(AgentGroup& group, const Observation& observation, bool tick,
                             AgentSample* agent) {
  for (RootExit& end : group.ended) {
    if (end.wall_seconds > 0) continue;  // an earlier sample completed it
    end.wall_seconds = observation.wall_seconds;
    group.last_exit = LastExit{.wall_seconds = observation.wall_seconds};
    for (const ResourceUse& use : group.last_resources) {
      double& ratio = group.last_exit->used_ratio[use.resource];
      ratio = std::max(ratio, use.ratio());
    }
    if (end.oom.verdict == OomVerdict::kUnclear && EndedBy(end, SIGKILL)) {
      const kernel::ProcessKey& who = end.program.pid != 0 ? end.program : end.key;
      group.ApplyOomFinding(end, oom_evidence_.Classify(who, StartSeconds(who), observation.host.oom_kills));
    }
  }
  agent->last_exit = group.last_exit;
  agent->ended = group.ended;
  if (!tick) return;
  for (RootExit& end : group.ended) end.news = false;
  std::erase_if(group.ended, [&](const RootExit& end) {
    return std::abs(observation.wall_seconds - end.wall_seconds) > kShowEndsSeconds;
  });
}

absl::Status Observer::Look(const base::ClockReading& now) {
  if (absl::Status status = ReadProcesses(now); !status.ok()) return status;
  RecordExits();  // of processes that this sample saw first
  reported_exits_.clear();
  return absl::OkStatus();
}

absl::Status Observer::ReadProcesses(const base::ClockReading& now) {
  if (events_ == nullptr) {
    RecordExits();
    return WalkAll(now);
  }
  if (absl::Status status = DrainEvents(); !status.ok()) return status;
  const uint64_t lost = events_->lost();
  const bool cross_check = now.monotonic - last_walk_ >= options_.cross_check_seconds;
  if (want_walk_ || cross_check || lost != lost_at_walk_) {
    want_walk_ = false;
    lost_at_walk_ = lost;
    if (absl::Status status = WalkAll(now); !status.ok()) return status;
  } else {
    if (absl::Status status = source_.ReadSome(tracker_.KeysToRead(), &rows_); !status.ok()) return status;
    tracker_.Update(rows_, Walk::kMembers, now, [this](const TrackedProcess& gone) { Forget(gone); });
  }
  return TrackNewMembers(now);
}

absl::Status Observer::DrainEvents() {
  happened_.clear();
  if (absl::Status status = events_->Drain(&happened_); !status.ok()) return status;
  tracker_.ApplyEvents(happened_, reported_exits_);
  RecordExits();
  return absl::OkStatus();
}

void Observer::RecordExits() {
  std::erase_if(reported_exits_, [this](const ReportedExit& exit) { return tracker_.RecordExit(exit); });
}

absl::Status Observer::WalkAll(const base::ClockReading& now) {
  if (absl::Status status = source_.ReadAll(&rows_); !status.ok()) return status;
  struct stat info{};
  walked_processes_ = rows_.size();
  if (fstat(proc_.dir_fd(), &info) == 0 && info.st_nlink > rows_.size()) {
    links_beside_processes_ = info.st_nlink - rows_.size();
  }
  last_walk_ = now.monotonic;
  CountNamed();  // before the tracker moves the rows away
  tracker_.Update(rows_, Walk::kFull, now, [this](const TrackedProcess& gone) { Forget(gone); });
  rows_ = {};  // frees a megabyte for 5,000 processes until the next walk
  return absl::OkStatus();
}

// Requests events of new members. A further walk finds what they started before that; a second one finds what
// these started meanwhile. A descendant that appears without a fork event, although we had requested its
// parent's events, is a disagreement.
absl::Status Observer::TrackNewMembers(const base::ClockReading& now) {
  for (int round = 0; round < 3; ++round) {
    const std::vector<kernel::ProcessKey> untracked = tracker_.TakeUntracked(&disagreements_);
    if (untracked.empty()) return absl::OkStatus();
    if (absl::Status status = events_->Track(untracked); !status.ok()) return status;
    // Apply their earlier events first, so that the walk can place their children.
    if (absl::Status status = DrainEvents(); !status.ok()) return status;
    if (absl::Status status = WalkAll(now); !status.ok()) return status;
  }
  return absl::OkStatus();
}

// With events we do not list /proc, but its link count is the number of processes plus a constant.
uint64_t Observer::CountProcesses() {
  struct stat info{};
  if (events_ == nullptr || fstat(proc_.dir_fd(), &info) != 0 || info.st_nlink <= links_beside_processes_) {
    return walked_processes_;
  }
  return info.st_nlink - links_beside_processes_;
}

std::string Observer::ProgramBehind(const kernel::ProcessKey& key, const std::string& comm) {
  if (comm != kMainThread) return "";
  const auto exe = files_.Exe(key);
  return exe.ok() ? exe->substr(exe->rfind('/') + 1) : "";
}

void Observer::CountNamed() {
  named_processes_.clear();
  if (options_.count_names.empty()) return;
  absl::flat_hash_map<kernel::ProcessKey, std::string> programs;
  for (const kernel::ProcessStat& row : rows_) {
    if (row.comm != kMainThread) continue;
    const auto known = programs_.find(row.key);
    programs[row.key] = known != programs_.end() ? known->second : ProgramBehind(row.key, row.comm);
  }
  programs_ = std::move(programs);
  for (const std::string& name : options_.count_names) {
    uint64_t& count = named_processes_[name];
    const std::string comm = name.substr(0, kMaxComm);
    for (const kernel::ProcessStat& row : rows_) {
      if (row.state == 'Z' || row.kernel_thread) continue;
      const auto program = row.comm == kMainThread ? programs_.find(row.key) : programs_.end();
      if (row.comm == comm || (program != programs_.end() && program->second == name)) ++count;
    }
  }
}

void Observer::Forget(const TrackedProcess& gone) {
  members_.erase(gone.stat.key);
  limits_.Forget(gone.stat.key);
  source_.Forget(gone.stat.key);
}

bool Observer::SampleProcess(const TrackedProcess& process, const base::ClockReading& now, bool tick,
                             ProcessSample* result) {
  const kernel::ProcessStat& stat = process.stat;
  ProcessSample& sample = *result;
  sample.key = stat.key;
  sample.ppid = stat.ppid;
  sample.session = stat.session;
  sample.comm = stat.comm;
  sample.command = process.command.empty() ? CommandName({}, "", stat.comm) : process.command;
  sample.role = process.role;
  sample.inner = process.inner;
  sample.direct_child = process.direct_child;
  sample.orphan = process.orphan;
  if (process.role == Role::kRoot && process.match) sample.reason = process.match->reason;
  sample.state = stat.state;
  sample.threads = stat.threads;
  sample.children_cpu = stat.children_cpu;
  sample.counted_cpu = process.accounted;
  sample.age_seconds = std::max(0.0, now.boottime - StartSeconds(stat.key));

  Member& member = members_[stat.key];
  if (!member.program && stat.comm == kMainThread) member.program = ProgramBehind(stat.key, stat.comm);
  if (stat.comm == kMainThread) sample.program = *member.program;
  // BPF reports nanoseconds, /proc full clock ticks. If samples alternate between the two, the sum must not
  // fall.
  if (stat.cpu.total_ns() > member.cpu.total_ns()) member.cpu = stat.cpu;
  sample.cpu = member.cpu;
  if (tick) {
    const double wall = now.monotonic - member.tick_time;
    const int64_t used = member.tick_cpu ? stat.cpu.total_ns() - member.tick_cpu->total_ns() : 0;
    member.ratio = member.tick_cpu && wall > 0 && used > 0 ? static_cast<double>(used) * 1e-9 / wall : 0;
    member.tick_cpu = stat.cpu;
    member.tick_time = now.monotonic;
  }
  sample.cpu_ratio = member.ratio;
  if (stat.state == 'Z') return true;  // its memory and descriptors are gone

  auto usage = source_.ReadUsage(stat.key, options_.fields);
  if (!usage.ok()) {
    if (absl::IsNotFound(usage.status())) return false;  // it ended meanwhile; the next sample will notice
    if (absl::IsFailedPrecondition(usage.status())) {
      sample.state =
          'Z';  // the kernel shows another state for a moment, but it has no more resources than a zombie
      return true;
    }
    unreadable_.Count("usage", usage.status());
  } else {
    sample.usage = *std::move(usage);
    CountUsage(*process.group, member, sample);
  }
  limits_.ReadProcess(sample, now.monotonic);
  return true;
}

void Observer::CountUsage(AgentGroup& group, Member& member, const ProcessSample& sample) {
  const bool from_birth = sample.key.start_ticks >= start_ticks_;
  const kernel::ProcessUsage& usage = sample.usage;
  AgentCounters& counters = group.counters;
  uint64_t read = 0, written = 0;
  CountRise(usage.io_read_bytes, from_birth, member.io_read, read);
  CountRise(usage.io_write_bytes, from_birth, member.io_write, written);
  counters.tree_io.read_bytes += read;
  counters.tree_io.write_bytes += written;
  if (sample.role == Role::kRoot) {
    counters.self_io.read_bytes += read;
    counters.self_io.write_bytes += written;
  }
  CountRise(usage.voluntary_switches, from_birth, member.voluntary, counters.voluntary_switches);
  CountRise(usage.involuntary_switches, from_birth, member.involuntary, counters.involuntary_switches);
}

}  // namespace agent_exporter::agents
