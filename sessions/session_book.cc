#include "sessions/session_book.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "absl/strings/str_cat.h"
#include "base/bounded_reads.h"
#include "base/regular_file.h"
#include "sessions/json_fields.h"
#include "sessions/read_result.h"

namespace agent_exporter::sessions {
namespace {

constexpr uint64_t kBytesPerLook = 8 << 20;
constexpr uint64_t kLeastBytes = 256 << 10;
constexpr size_t kMostSessions = 300;
constexpr size_t kMostModels = 20;
constexpr double kShowEndedSeconds = 300;
constexpr size_t kMostEnded = 20;
// A process may change its working directory.
constexpr double kDescribeSeconds = 30;
// The boot time, by which the start of a process is known, is in whole seconds.
constexpr double kBootTimeSlack = 1;
constexpr double kLimitsKeptSeconds = 7 * 86400;

AgentKey KeyOf(const agents::AgentSample& agent) { return {agent.name, agent.kind, agent.slot}; }

// What a read brings back from its thread.
struct Reading {
  SessionState state;
  bool used_up = false;
};

}  // namespace

SessionBook::SessionBook(Options options)
    : options_(std::move(options)), processes_(options_.procfs, options_.home_of) {}

bool SessionBook::MayHaveSessions(const agents::AgentSample& agent) const {
  const MetaOptions* meta = FindMetaOptions(options_.meta, agent.name);
  return meta == nullptr || meta->source != MetaOptions::Source::kNone;
}

bool SessionBook::HasSessionsAnyway(const agents::AgentSample& agent) const {
  return agent.kind == "coder" || FindMetaOptions(options_.meta, agent.name) != nullptr;
}

std::vector<SessionBook::Root> SessionBook::FindRoots(const agents::Observation& observation) {
  std::vector<Root> roots;
  for (const agents::AgentSample& agent : observation.agents) {
    if (!MayHaveSessions(agent)) continue;
    std::vector<Root> own;
    for (const agents::ProcessSample& process : agent.processes) {
      if (process.role != agents::Role::kRoot || process.inner || process.state == 'Z') continue;
      own.push_back({.agent = &agent, .outer = &process, .program = &process});
    }
    if (!own.empty()) AddTrees(observation, agent, own);
    for (Root& root : own) {
      if (roots.size() < kMostSessions) roots.push_back(std::move(root));
    }
  }
  return roots;
}

void SessionBook::AddTrees(const agents::Observation& observation, const agents::AgentSample& agent,
                           std::vector<Root>& roots) const {
  std::unordered_map<pid_t, const agents::ProcessSample*> by_pid;
  for (const agents::ProcessSample& process : agent.processes) by_pid.emplace(process.key.pid, &process);
  std::unordered_map<pid_t, size_t> root_of;
  for (size_t i = 0; i < roots.size(); ++i) root_of.emplace(roots[i].outer->key.pid, i);
  std::vector<std::vector<const agents::ProcessSample*>> members(roots.size());
  for (const agents::ProcessSample& process : agent.processes) {
    const agents::ProcessSample* at = &process;
    for (int steps = 0; steps < 100 && root_of.count(at->key.pid) == 0; ++steps) {
      const auto parent = by_pid.find(at->ppid);
      if (parent == by_pid.end()) break;
      at = parent->second;
    }
    const auto root = root_of.find(at->key.pid);
    if (root == root_of.end()) continue;
    members[root->second].push_back(&process);
    // The innermost program; roots come oldest first.
    if (process.inner && process.state != 'Z') roots[root->second].program = &process;
  }
  for (size_t i = 0; i < roots.size(); ++i) {
    Root& root = roots[i];
    SessionTree& tree = root.tree;
    tree.stopped = root.program->state == 'T' || root.program->state == 't';
    tree.resident_bytes = 0;
    for (const agents::ProcessSample* process : members[i]) {
      tree.cpu_ratio += process->cpu_ratio;
      if (process->state == 'Z') continue;
      if (tree.resident_bytes && process->usage.resident_bytes) {
        *tree.resident_bytes += *process->usage.resident_bytes;
      } else {
        tree.resident_bytes.reset();
      }
      if (process->role == agents::Role::kRoot) continue;
      root.below.push_back(process);
      const double started = observation.StartTimeSeconds(process->key);
      tree.newest_child = std::max(tree.newest_child.value_or(0), started);
    }
  }
}

std::unique_ptr<SessionReader> SessionBook::MakeReader(const Root& root, double started,
                                                       std::string* profile) {
  ReaderOptions options = options_.reader;
  // What was written before is of an earlier process, whose session this one resumes or forks.
  options.count_from = std::max(options.count_from, started - kBootTimeSlack);
  const MetaOptions* meta = FindMetaOptions(options_.meta, root.agent->name);
  *profile = processes_.ProfileOf(*root.program);
  if (meta != nullptr && meta->source == MetaOptions::Source::kClaudeCode) {
    if (meta->context_window) options.context_window = *meta->context_window;
    options.config_dir = meta->config_dir;
    *profile = "claude";
  }
  return MakeSessionReader(*profile, options);
}

void SessionBook::Prepare(const agents::Observation& observation, const Root& root, Known* known) {
  if (known->session.key != root.program->key) {  // new, or the wrapper's program has started
    known->reader = MakeReader(root, observation.StartTimeSeconds(root.program->key), &known->profile);
    known->session.key = root.program->key;
    known->process.reset();
  }
  if (known->reader == nullptr && !HasSessionsAnyway(*root.agent)) return;
  const double now = observation.monotonic_seconds;
  if (known->process && now - known->described < kDescribeSeconds) return;
  auto process = processes_.Describe(root.program->key, observation.StartTimeSeconds(root.program->key));
  if (!process.ok()) return;
  known->process = *std::move(process);
  known->described = now;
}

void SessionBook::FindHeld(const Root& root, Known* known) {
  known->process->held.clear();
  const SessionReader::Held held = known->reader->WantsHeld();
  if (held.suffix.empty()) return;
  std::vector<const agents::ProcessSample*> processes = root.below;
  processes.insert(processes.begin(), root.program);
  constexpr size_t kMostAsked = 16;
  for (size_t i = 0; i < processes.size() && i < kMostAsked; ++i) {
    auto paths = processes_.files().OpenPaths(processes[i]->key.pid, held.folder, held.suffix);
    if (!paths.ok()) continue;
    for (std::string& path : *paths) known->process->held.push_back(std::move(path));
  }
}

void SessionBook::Read(const Root& root, uint64_t budget, Known* known) {
  Session& session = known->session;
  absl::StatusOr<Reading> reading = absl::NotFoundError("no reader");
  if (known->reader != nullptr && known->process) {
    FindHeld(root, known);
    // What hangs is not asked again, so no two threads ever use a reader.
    reading = base::BoundedReads::Shared().Read<Reading>(
        absl::StrCat("the session files of pid ", session.key.pid),
        [reader = known->reader, process = *known->process, budget]() -> absl::StatusOr<Reading> {
          uint64_t left = budget;
          absl::StatusOr<SessionState> state = reader->Read(process, &left);
          if (!state.ok()) return state.status();
          return Reading{*std::move(state), left == 0};
        },
        base::kFilePatience);
    ++reads_[{known->profile, ReadResult(reading.status())}];
  }
  session.read = reading.ok();
  if (reading.ok()) {
    caught_up_ = caught_up_ && !reading->used_up;
    TokensByModel fresh = std::exchange(reading->state.fresh, {});
    session.state = std::move(reading->state);
    known->is_session = true;
    CountTokens(session, std::move(fresh));
    TakeLimits(session);
  } else {
    session.state = {};
  }
  if (known->is_session) return;
  // Without a file it is one if somebody can type into it, or if we know nothing better.
  if (known->reader != nullptr) {
    known->is_session = processes_.files().HasTerminal(root.program->key.pid);
  } else {
    known->is_session = HasSessionsAnyway(*root.agent);
  }
}

void SessionBook::Judge(const agents::Observation& observation, const Root& root, Known* known) {
  Session& session = known->session;
  session.agent = root.agent->name;
  session.kind = root.agent->kind;
  session.slot = root.agent->slot;
  session.uid = known->process ? known->process->uid : 0;
  session.resident_bytes = root.tree.resident_bytes;
  session.cpu_ratio = root.tree.cpu_ratio;
  const auto status = known->activity.Judge(session.state, root.tree, observation.monotonic_seconds,
                                            observation.wall_seconds);
  if (status != session.status) session.status_since = observation.wall_seconds;
  session.status = status;
  if (status != SessionStatus::kWaiting) {
    session.state.waiting_for.reset();
  } else if (!session.state.waiting_for) {
    session.state.waiting_for = "permission";
  }
}

void SessionBook::AddTold(const agents::AgentSample& agent, std::vector<Known*>& sessions) const {
  if (!options_.told || sessions.size() != 1) return;
  const std::optional<AgentMeta> told = options_.told(agent);
  if (!told) return;
  SessionState& state = sessions[0]->session.state;
  if (told->model) state.model = told->model;
  if (told->current_tool) state.tool = told->current_tool;
  if (told->subagents) state.subagents = told->subagents;
  if (told->context_pct) state.context_ratio = *told->context_pct / 100;
  if (told->last_activity) {
    if (const auto time = TimeOf(*told->last_activity)) state.last_activity = time;
  }
}

void SessionBook::EndOthers(const agents::Observation& observation, const std::vector<Root>& roots) {
  std::set<kernel::ProcessKey> alive;
  for (const Root& root : roots) alive.insert(root.outer->key);
  const double now = observation.monotonic_seconds;
  size_t ended = 0;
  for (auto at = known_.begin(); at != known_.end();) {
    auto& [key, known] = *at;
    if (alive.count(key) != 0) {
      ++at;
      continue;
    }
    if (known.ended == 0) {
      names_.Forget(key);
      known.ended = now;
      known.reader.reset();
      Session& session = known.session;
      session.status = SessionStatus::kEnded;
      session.status_since = observation.wall_seconds;
      session.resident_bytes.reset();
      session.cpu_ratio = 0;
      session.state.tool.reset();
      session.state.waiting_for.reset();
    }
    const bool shown = known.is_session && known.session.name != kOtherSession && !known.session.name.empty();
    const bool keep = shown && now - known.ended < kShowEndedSeconds && ++ended <= kMostEnded;
    at = keep ? std::next(at) : known_.erase(at);
  }
}

void SessionBook::CountTokens(const Session& session, TokensByModel fresh) {
  for (auto& [model, counts] : fresh) {
    std::pair key(session.agent_key(), model);
    if (tokens_.count(key) == 0) {
      const auto models = std::count_if(tokens_.begin(), tokens_.end(),
                                        [&key](const auto& entry) { return entry.first.first == key.first; });
      if (static_cast<size_t>(models) >= kMostModels) key.second = "other";
    }
    tokens_[key] += counts;
  }
}

void SessionBook::TakeLimits(const Session& session) {
  for (const PlanLimit& limit : session.state.limits) {
    PlanLimit& known = limits_[{session.agent_key(), session.uid, limit.window}];
    if (limit.told_seconds >= known.told_seconds) known = limit;
  }
}

SessionsView SessionBook::Look(const agents::Observation& observation) {
  caught_up_ = true;
  if (!options_.enabled) return {};
  const std::vector<Root> roots = FindRoots(observation);
  EndOthers(observation, roots);
  const uint64_t budget = std::max<uint64_t>(kLeastBytes, kBytesPerLook / std::max<size_t>(roots.size(), 1));
  std::map<std::tuple<AgentKey, uid_t, std::string>, int> places;
  for (const Root& root : roots) {
    Known& known = known_[root.outer->key];
    // Before it is prepared: new sessions say whose they are when their tokens are counted.
    known.session.agent = root.agent->name;
    known.session.kind = root.agent->kind;
    known.session.slot = root.agent->slot;
    Prepare(observation, root, &known);
    if (known.process) {
      known.session.uid = known.process->uid;
      if (known.reader != nullptr) ++places[{KeyOf(*root.agent), known.process->uid, known.process->cwd}];
    }
  }
  std::map<const agents::AgentSample*, std::vector<Known*>> by_agent;
  for (const Root& root : roots) {
    Known& known = known_[root.outer->key];
    if (known.process)
      known.process->alone = places[{KeyOf(*root.agent), known.process->uid, known.process->cwd}] <= 1;
    Read(root, budget, &known);
    if (!known.is_session) continue;
    Judge(observation, root, &known);
    by_agent[root.agent].push_back(&known);
    const std::string* name = names_.Find(root.outer->key);
    if (name == nullptr) {
      // Where the wrapper was started: some programs change to their own folder.
      const std::string place = processes_.files().Cwd(root.outer->key.pid).value_or("");
      name = &names_.Give(root.outer->key, root.agent->name, known.session.state.name.value_or(place));
    }
    known.session.name = *name;
  }
  for (auto& [agent, sessions] : by_agent) AddTold(*agent, sessions);
  return View(observation);
}

SessionsView SessionBook::View(const agents::Observation& observation) const {
  SessionsView view;
  std::set<std::pair<AgentKey, std::string>> taken;
  for (const bool ended : {false, true}) {
    for (const auto& [key, known] : known_) {
      if (!known.is_session || (known.ended > 0) != ended) continue;
      // A name that a new session took over.
      const bool is_new = taken.emplace(known.session.agent_key(), known.session.name).second;
      if (!ended || is_new) view.sessions.push_back(known.session);
    }
  }
  view.tokens = tokens_;
  std::map<std::pair<AgentKey, std::string>, PlanLimit> fullest;
  for (const auto& [key, limit] : limits_) {
    const double now = observation.wall_seconds;
    if (limit.reset_seconds.value_or(now + 1) <= now || now - limit.told_seconds > kLimitsKeptSeconds)
      continue;
    const auto [at, is_new] = fullest.try_emplace({std::get<0>(key), limit.window}, limit);
    if (!is_new && limit.used_ratio > at->second.used_ratio) at->second = limit;
  }
  for (const auto& [key, limit] : fullest) {
    const auto& [agent, kind, slot] = key.first;
    view.limits.push_back({.agent = agent, .kind = kind, .slot = slot, .limit = limit});
  }
  view.reads = reads_;
  return view;
}

std::optional<AgentMeta> MetaOf(const std::vector<Session>& sessions) {
  const Session* newest = nullptr;
  for (const Session& session : sessions) {
    if (session.status == SessionStatus::kEnded || !session.read) continue;
    if (newest == nullptr ||
        session.state.last_activity.value_or(0) > newest->state.last_activity.value_or(0)) {
      newest = &session;
    }
  }
  if (newest == nullptr) return std::nullopt;
  const SessionState& state = newest->state;
  AgentMeta meta;
  meta.alive = true;
  meta.model = state.model;
  if (state.last_activity) meta.last_activity = TimeText(*state.last_activity);
  meta.current_tool = state.tool;
  meta.subagents = state.subagents;
  if (const auto ratio = newest->context_ratio()) meta.context_pct = 100 * *ratio;
  if (!state.actions.empty()) meta.recent_actions = state.actions;
  return meta;
}

}  // namespace agent_exporter::sessions
