#include "compat/import.h"

#include <yaml-cpp/yaml.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace agent_exporter::compat {
namespace {

using Field = NameTemplate::Field;

// Our template for one part; what it cannot say goes to *notes.
std::string OurPart(const NameTemplate::Part& part, std::vector<std::string>* notes) {
  switch (part.field) {
    case Field::kLiteral:
      return absl::StrReplaceAll(part.text, {{"{", "{{"}, {"}", "}}"}});
    case Field::kComm:
      return "{comm}";
    case Field::kExeBase:
      return "{exe}";
    case Field::kExeFull:
      notes->push_back("the name had .ExeFull; {exe} is without its directory");
      return "{exe}";
    case Field::kUser:
      return "{user}";
    case Field::kPid:
      return "{pid}";
    case Field::kMatch:
      return absl::StrCat("{", part.text, "}");
    case Field::kStartTime:
      notes->push_back("the name had .StartTime, which is left out; see agent_self_start_time_seconds");
      return "";
    case Field::kCgroups:
    case Field::kCgroup:
      notes->push_back("the name had a cgroup, which is left out");
      return "";
  }
  return "";
}

// A word alone, or a list.
void Emit(YAML::Emitter& out, const char* key, const std::vector<std::string>& values) {
  if (values.empty()) return;
  out << YAML::Key << key << YAML::Value;
  if (values.size() == 1) {
    out << YAML::DoubleQuoted << values[0];
    return;
  }
  out << YAML::Flow << YAML::BeginSeq;
  for (const std::string& value : values) out << YAML::DoubleQuoted << value;
  out << YAML::EndSeq;
}

}  // namespace

std::string OurConfiguration(const GroupRules& rules, std::string_view file) {
  YAML::Emitter out;
  out << YAML::Comment(absl::StrCat("Imported from process-exporter's ", std::string(file), "."));
  out << YAML::BeginMap << YAML::Key << "builtin_profiles" << YAML::Value << false;
  out << YAML::Key << "agents" << YAML::Value << YAML::BeginSeq;
  for (const GroupRule& rule : rules.rules()) {
    std::vector<std::string> notes;
    std::string name;
    for (const NameTemplate::Part& part : rule.name.parts()) absl::StrAppend(&name, OurPart(part, &notes));
    if (rule.cmdline.size() > 1)
      notes.push_back("one expression is all a rule takes; the others are left out");
    for (const std::string& note : notes) {
      out << YAML::Comment(absl::StrCat("line ", rule.line, ": ", note)) << YAML::Newline;
    }
    out << YAML::BeginMap << YAML::Key << "name" << YAML::Value << YAML::DoubleQuoted << name;
    out << YAML::Key << "match" << YAML::Value << YAML::BeginMap;
    Emit(out, "comm", rule.comm);
    Emit(out, "argv0", rule.exe);
    if (!rule.cmdline.empty()) Emit(out, "cmdline", {rule.cmdline.front()->pattern()});
    out << YAML::EndMap << YAML::EndMap;
  }
  out << YAML::EndSeq << YAML::EndMap;
  return absl::StrCat(out.c_str(), "\n");
}

}  // namespace agent_exporter::compat
