// The name of a group as process-exporter's configuration writes it: the part of Go's text/template that
// names groups.
//
//   {{.Comm}} {{.ExeBase}} {{.ExeFull}} {{.Username}} {{.PID}} {{.StartTime}} {{.Cgroups}}
//   {{.Matches.Name}}       a capture of a cmdline expression; "<no value>" where there is none
//   {{index .Cgroups 0}}    one of the process' cgroups; {{index .Matches "Name"}} a capture
//   {{- -}}                 trim the white space beside them
//
// Thread safety: immutable after Parse.

#ifndef AGENT_EXPORTER_COMPAT_NAME_TEMPLATE_H_
#define AGENT_EXPORTER_COMPAT_NAME_TEMPLATE_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace agent_exporter::compat {

// What rules and names look at.
struct ProcessAttributes {
  pid_t pid = 0;
  std::string comm;
  std::vector<std::string> cmdline;
  std::string user;                  // filled only if a name uses it
  std::vector<std::string> cgroups;  // the paths in /proc/<pid>/cgroup; filled only if a name uses them
  int64_t start_ms = 0;              // since the epoch

  // The basename of argv[0], and argv[0]; comm for a process without arguments.
  std::string exe_base() const;
  const std::string& exe_full() const { return cmdline.empty() ? comm : cmdline[0]; }
};

using NamedCaptures = std::map<std::string, std::string>;

class NameTemplate {
 public:
  enum class Field {
    kLiteral,
    kComm,
    kExeBase,
    kExeFull,
    kUser,
    kPid,
    kStartTime,
    kCgroups,
    kCgroup,
    kMatch
  };
  struct Part {
    Field field = Field::kLiteral;
    std::string text;  // the literal, or the capture's name
    size_t index = 0;  // kCgroup
  };

  // InvalidArgument names what of the template is not understood.
  static absl::StatusOr<NameTemplate> Parse(std::string_view text);

  // A name as Go would print it, made valid UTF-8. Each field is cut to 128 bytes.
  std::string Expand(const ProcessAttributes& process, const NamedCaptures& captures) const;

  bool Uses(Field field) const;
  const std::vector<Part>& parts() const { return parts_; }

 private:
  std::vector<Part> parts_;
};

}  // namespace agent_exporter::compat

#endif  // AGENT_EXPORTER_COMPAT_NAME_TEMPLATE_H_
