// Sorts the processes of this host into groups, at each scrape anew, and adds up what they use.
//
// A process belongs to the group of the first rule that matches it, otherwise (with `children`) to the group
// of its parent when it was first seen. It is looked at again after an exec.
//
// Ownership: owns the source. Thread safety: none; callers hold a lock.

#ifndef AGENT_EXPORTER_COMPAT_PROCESS_GROUPS_H_
#define AGENT_EXPORTER_COMPAT_PROCESS_GROUPS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "base/user_names.h"
#include "compat/group.h"
#include "compat/group_rules.h"
#include "kernel/process_files.h"
#include "kernel/process_source.h"
#include "kernel/rooted_reader.h"

namespace agent_exporter::compat {

struct GroupOptions {
  bool children = true;              // descendants join the group of their parent
  bool recheck = false;              // match every process at each look: finds renamed ones, and is slow
  bool proportional_memory = false;  // reads smaps_rollup, which stalls the process for the time
  long clock_ticks = 100;
  uint64_t boot_time_seconds = 0;
};

class ProcessGroups {
 public:
  // `proc` must outlive this.
  ProcessGroups(const GroupOptions& options, const kernel::RootedReader& proc,
                std::unique_ptr<kernel::ProcessSource> source, GroupRules rules);

  // New rules count for processes that start from now on, and after an exec.
  void SetRules(GroupRules rules) { rules_ = std::move(rules); }

  // Looks at all processes. On an error the groups are those of the last look.
  absl::Status Look();

  // By name. Groups whose members are gone stay, with their totals; of these at most 1,000.
  const std::map<std::string, Group>& groups() const { return groups_; }

  struct Errors {
    uint64_t looks = 0;      // looks that failed
    uint64_t processes = 0;  // processes that could not be read
    uint64_t partial = 0;    // members of which something could not be read
  };
  const Errors& errors() const { return errors_; }

 private:
  struct Tracked {
    std::string comm;
    uint64_t start_stack = 0;
    Group* group = nullptr;  // null: none's
    bool by_rule = false;    // not by its parent
    bool undecided = true;
    bool counted = false;  // `last` holds
    uint64_t look = 0;     // the last one that saw it
    Counts last;
  };
  using Rows = std::vector<kernel::ProcessStat>;

  void Classify(const Rows& rows);
  void MatchRules(const kernel::ProcessStat& row, Tracked* process);
  void FollowParent(const kernel::ProcessStat& row, Tracked* process);
  void Count(const kernel::ProcessStat& row, Tracked* process);
  bool CountUsage(const kernel::ProcessStat& row, Group* group, Counts* counts);
  bool CountProportional(const kernel::ProcessStat& row, Group* group);
  void DropEmptyGroups();

  const GroupOptions options_;
  const std::unique_ptr<kernel::ProcessSource> source_;
  GroupRules rules_;
  kernel::ProcessFiles files_;
  base::UserNames users_;
  Rows rows_;
  absl::flat_hash_map<kernel::ProcessKey, std::unique_ptr<Tracked>> processes_;
  absl::flat_hash_map<pid_t, const kernel::ProcessStat*> by_pid_;
  std::map<std::string, Group> groups_;
  Errors errors_;
  uint64_t look_ = 0;
};

}  // namespace agent_exporter::compat

#endif  // AGENT_EXPORTER_COMPAT_PROCESS_GROUPS_H_
