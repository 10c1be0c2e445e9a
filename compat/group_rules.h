// process-exporter's configuration file: which processes make a group, and what the group is called.
//
//   process_names:
//     - name: "{{.ExeBase}}"        # compat/name_template.h; this is the default
//       comm: [bash]                # one of them is the name of the process
//       exe: [postgres, /bin/sh]    # one of them is argv[0], or its basename where the word has no slash
//       cmdline: ['-D (?P<Dir>\S+)']  # RE2, all of them found in argv joined by blanks
//
// A rule matches if all its conditions hold. The first rule that matches names the group.
//
// Thread safety: immutable after it was made.
// Errors: InvalidArgument "file:line: what is wrong; what to do".

#ifndef AGENT_EXPORTER_COMPAT_GROUP_RULES_H_
#define AGENT_EXPORTER_COMPAT_GROUP_RULES_H_

#include <re2/re2.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "compat/name_template.h"

namespace agent_exporter::compat {

struct GroupRule {
  NameTemplate name;
  std::vector<std::string> comm;
  std::vector<std::string> exe;
  std::vector<std::shared_ptr<const re2::RE2>> cmdline;
  int line = 0;  // in the file
};

class GroupRules {
 public:
  // `file` is for messages.
  static absl::StatusOr<GroupRules> FromYaml(std::string_view text, std::string_view file);
  static absl::StatusOr<GroupRules> Load(const std::string& path);
  // From the flag -procnames: a group for each of these comms.
  static absl::StatusOr<GroupRules> FromNames(std::string_view names);

  // The name of the group that `process` matches.
  std::optional<std::string> Find(const ProcessAttributes& process) const;

  // Whether Find wants ProcessAttributes::user and ::cgroups.
  bool needs_user() const { return Use(NameTemplate::Field::kUser); }
  bool needs_cgroups() const {
    return Use(NameTemplate::Field::kCgroups) || Use(NameTemplate::Field::kCgroup);
  }
  const std::vector<GroupRule>& rules() const { return rules_; }

 private:
  bool Use(NameTemplate::Field field) const;

  std::vector<GroupRule> rules_;
};

}  // namespace agent_exporter::compat

#endif  // AGENT_EXPORTER_COMPAT_GROUP_RULES_H_
