// Tracker's instances: when a root's end is the end of an instance, and how that ended.
//
// A wrapper and the same agent's program directly below it (node's script around a native codex) are one
// instance. It ends when the wrapper ends, with the program's signal if there was one; if the wrapper ended
// first, it ends with the program. A program that ends before its wrapper was a helper, unless the wrapper
// starts the next one at once: then one instance ended and another began.

#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <utility>

#include "agents/tracker.h"

namespace agent_exporter::agents {
namespace {

// After its program ended, a wrapper has this many samples to end or to start another program.
constexpr uint64_t kNextProgramLooks = 3;

bool EndedBySignal(const std::optional<int>& status) {
  return status && (WIFSIGNALED(*status) || WEXITSTATUS(*status) > 128);
}

// Adds the program's signal, which the wrapper's exit code hides. Not if the wrapper was asked to end,
// because then it asked its program to end, too.
void AddProgramsEnd(const RootExit& program, RootExit* end) {
  if (!EndedBySignal(program.status) ||
      CategorizeExit(end->status, end->self_killed, end->oom.verdict) == ExitCategory::kSigterm) {
    return;
  }
  end->program = program.key;
  end->comm = program.comm;
  end->status = program.status;
  end->oom = program.oom;
  end->max_resident_bytes = std::max(end->max_resident_bytes, program.max_resident_bytes);
}

}  // namespace

// All children of a unit's or a user's process match the same rule, without running its program. A fork of
// the wrapper has the wrapper's stack address; if that cannot be read, we cannot tell a fork from the
// program.
bool Tracker::IsProgramOf(const TrackedProcess& process, const TrackedProcess* wrapper) {
  if (wrapper == nullptr || !IsRoot(*wrapper) || wrapper->part || wrapper->scope != Scope::kTree)
    return false;
  if (process.registered || process.match == nullptr || !process.match->by_program) return false;
  // Its match may be the one it inherited, of the program it ran before: nobody could read the new one yet.
  if (process.examine && wrapper->program != process.stat.key) return false;
  const AgentGroup& group = *wrapper->group;
  const bool same =
      process.own_group == wrapper->group || (group.whole_tree && process.match->agent == group.name);
  const bool own_program = process.stat.start_stack != 0 && wrapper->stat.start_stack != 0 &&
                           process.stat.start_stack != wrapper->stat.start_stack;
  // A wrapper hands its terminal on. What begins a session of its own (setsid(2)) is a daemon that the
  // program starts besides: codex app-server.
  const bool handed_on = process.stat.session == wrapper->stat.session;
  return same && own_program && handed_on &&
         (wrapper->program.pid == 0 || wrapper->program == process.stat.key);
}

void Tracker::BecomeProgramOf(TrackedProcess& process, TrackedProcess& wrapper) {
  if (wrapper.program == process.stat.key) return;
  wrapper.program = process.stat.key;
  process.wrapper = wrapper.stat.key;
  if (std::exchange(wrapper.lost_program, 0) == 0) return;
  ++wrapper.group->counters.restarts;
  if (wrapper.program_end != nullptr) wrapper.group->RecordEnd(*std::exchange(wrapper.program_end, nullptr));
}

// Called when a program lives on but now runs something else.
void Tracker::LeaveWrapper(const TrackedProcess& process) {
  TrackedProcess* const wrapper = FindMember(process.wrapper);
  if (wrapper != nullptr && wrapper->program == process.stat.key) wrapper->program = {};
}

Part Tracker::Vacate(TrackedProcess& root) {
  if (root.part) return *root.part;
  root.part = Part::kInstance;
  if (root.inner) {
    root.part = Part::kProgram;
    TrackedProcess* const wrapper = FindMember(root.wrapper);
    if (wrapper != nullptr && wrapper->program == root.stat.key) {
      wrapper->program = {};
      wrapper->lost_program = generation_;
    }
    return *root.part;
  }
  TrackedProcess* const program = root.program.pid == 0 ? nullptr : FindMember(root.program);
  const bool lives = program != nullptr && !program->part && (!leaving_ || program->seen == generation_);
  if (lives && !root.registered) {
    program->inner = false;
    root.part = Part::kWrapper;
    return *root.part;
  }
  ++root.group->lost_roots;
  return *root.part;
}

template <typename Process>
void Tracker::RecordRootEnd(Process& process, RootExit end) {
  const std::string_view reason = process.exit_reason;
  if (reason == "oom") end.oom = NamedByOomEvent();
  switch (PartOf(process)) {
    case Part::kInstance:
      if (process.program_end != nullptr) AddProgramsEnd(*process.program_end, &end);
      process.group->RecordEnd(std::move(end));
      break;
    case Part::kProgram:
      ++process.group->counters.descendants_exited[std::string(reason)];
      RecordProgramEnd(process.wrapper, process.group, std::move(end));
      break;
    case Part::kWrapper:
      break;
  }
}

template void Tracker::RecordRootEnd(TrackedProcess& process, RootExit end);
template void Tracker::RecordRootEnd(Departed& departed, RootExit end);

void Tracker::RecordProgramEnd(const kernel::ProcessKey& wrapper, const std::shared_ptr<AgentGroup>& group,
                               RootExit end) {
  if (TrackedProcess* const live = FindMember(wrapper)) {
    if (live->program.pid != 0) {
      group->RecordEnd(std::move(end));  // its replacement is already running
    } else if (live->lost_program != 0) {
      live->program_end = std::make_unique<RootExit>(std::move(end));
    }
  } else if (const auto departed = departed_.find(wrapper); departed != departed_.end()) {
    departed->second.program_end = std::make_unique<RootExit>(std::move(end));
  }
}

void Tracker::ForgetPrograms() {
  for (TrackedProcess* member : members_) {
    if (member->lost_program == 0 || generation_ - member->lost_program <= kNextProgramLooks) continue;
    member->lost_program = 0;
    member->program_end.reset();
  }
}

}  // namespace agent_exporter::agents
