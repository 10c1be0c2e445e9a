// What the exporter cannot find out again about live processes after a restart: which agent a descendant
// belongs to (its parent may end meanwhile), and which rule matched a root that has changed its name. Plain
// data; serve keeps it in a file.
//
// Thread safety: values.

#ifndef AGENT_EXPORTER_AGENTS_REMEMBERED_H_
#define AGENT_EXPORTER_AGENTS_REMEMBERED_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "agents/rules.h"
#include "kernel/process.h"

namespace agent_exporter::agents {

struct Remembered {
  enum class Kind {
    kDescendant,  // its parent may be gone by the next sample
    kOrphan,      // a descendant whose parent is gone
    kRoot,        // matched a rule
    kRegistered,  // a root registered by `agent_exporter run`
  };
  Kind kind = Kind::kDescendant;
  kernel::ProcessKey key;
  std::string agent;
  std::string agent_kind;
  std::string slot;
  pid_t parent = 0;  // kDescendant
  // kRoot: valid while the process runs the same program and the rule exists.
  Scope scope = Scope::kTree;
  uint64_t start_stack = 0;
  uint64_t rule = 0;  // RuleFingerprint
  // kRegistered: see Registration.
  kernel::ProcessKey reaper;
  pid_t helper = 0;

  friend bool operator==(const Remembered&, const Remembered&) = default;
};

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_REMEMBERED_H_
