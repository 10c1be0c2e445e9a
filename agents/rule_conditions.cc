#include "agents/rule_conditions.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agents/program_conditions.h"
#include "agents/rules.h"
#include "base/label_value.h"
#include "base/pidfile.h"
#include "kernel/parse_process.h"

namespace agent_exporter::agents {
namespace {

using Words = std::vector<std::string>;

// A condition that holds if any of its words matches.
class WordsCondition : public Condition {
 public:
  explicit WordsCondition(Words words) : words_(std::move(words)) {}
  std::string Wants() const override { return OneOf(words_); }

 protected:
  template <typename Predicate>
  bool Any(const Predicate& predicate) const {
    return std::any_of(words_.begin(), words_.end(), predicate);
  }

 private:
  Words words_;
};

class CommCondition : public WordsCondition {
 public:
  using WordsCondition::WordsCondition;
  bool Holds(MatchContext& context) const override {
    return Any([&context](const std::string& word) { return context.facts().comm() == word; });
  }
  bool NamesIt(MatchContext& context) const override {
    return Holds(context) && !IsInterpreter(context.facts().comm());
  }
  std::string Saw(MatchContext& context) const override {
    return absl::StrCat("comm is ", base::Quoted(context.facts().comm()));
  }
};

class UnitCondition : public WordsCondition {
 public:
  using WordsCondition::WordsCondition;
  bool Holds(MatchContext& context) const override {
    const std::string& unit = context.Unit();
    if (unit.empty()) return false;
    const std::string_view stem = std::string_view(unit).substr(0, unit.rfind('.'));
    return Any([&unit, stem](const std::string& word) { return word == unit || word == stem; });
  }
  std::string Saw(MatchContext& context) const override {
    return SawText("unit", context.Unit(), "it belongs to no systemd service or scope");
  }
};

class CgroupCondition : public WordsCondition {
 public:
  using WordsCondition::WordsCondition;
  bool Holds(MatchContext& context) const override {
    for (const kernel::CgroupMembership& own : kernel::ParseCgroup(context.facts().cgroup())) {
      const auto inside = [&own](const std::string& group) {
        return own.path == group || (own.path.starts_with(group) && own.path[group.size()] == '/');
      };
      if (Any(inside)) return true;
    }
    return false;
  }
  std::string Saw(MatchContext& context) const override {
    std::vector<std::string> paths;
    for (const kernel::CgroupMembership& own : kernel::ParseCgroup(context.facts().cgroup())) {
      paths.emplace_back(own.path);
    }
    return SawText("cgroup", absl::StrJoin(paths, " "), "cgroup could not be read");
  }
};

class UserCondition : public WordsCondition {
 public:
  UserCondition(Words words, std::vector<uid_t> ids)
      : WordsCondition(std::move(words)), ids_(std::move(ids)) {}
  bool Holds(MatchContext& context) const override {
    const std::optional<uid_t> uid = context.facts().uid();
    return uid.has_value() && std::find(ids_.begin(), ids_.end(), *uid) != ids_.end();
  }
  std::string Saw(MatchContext& context) const override {
    return SawText("user", context.UserName(), "user could not be read");
  }

 private:
  std::vector<uid_t> ids_;
};

class PidfileCondition : public WordsCondition {
 public:
  using WordsCondition::WordsCondition;
  bool Holds(MatchContext& context) const override {
    return Any(
        [&context](const std::string& path) { return base::ReadPidfile(path) == context.facts().pid(); });
  }
  std::string Saw(MatchContext& context) const override {
    return absl::StrCat("pid is ", context.facts().pid());
  }
  std::string Wants() const override { return absl::StrCat("the pid in ", WordsCondition::Wants()); }
};

// "not": holds if none of its conditions holds.
class NotCondition : public Condition {
 public:
  explicit NotCondition(std::vector<std::unique_ptr<Condition>> conditions)
      : conditions_(std::move(conditions)) {}
  bool Holds(MatchContext& context) const override { return Met(context) == nullptr; }
  std::string Saw(MatchContext& context) const override {
    const Condition* const met = Met(context);
    return met == nullptr ? Why(context) : met->Saw(context);
  }
  std::string Why(MatchContext&) const override { return absl::StrCat("no ", List()); }
  std::string Wants() const override { return absl::StrCat("no ", List()); }

 private:
  const Condition* Met(MatchContext& context) const {
    for (const auto& condition : conditions_) {
      if (condition->Holds(context)) return condition.get();
    }
    return nullptr;
  }
  std::string List() const {
    return absl::StrJoin(conditions_, ", no ",
                         [](std::string* out, const auto& condition) { out->append(condition->Wants()); });
  }

  std::vector<std::unique_ptr<Condition>> conditions_;
};

absl::Status CheckWords(const std::string& key, const Words& words) {
  for (const std::string& word : words) {
    if (word.empty()) return absl::InvalidArgumentError(absl::StrCat(key, " has an empty word; remove it"));
    if (key == "comm" && word.size() > kernel::kCommBytes) {
      return absl::InvalidArgumentError(absl::StrCat(
          "comm ", base::Quoted(word), " can never match, since the kernel cuts names after ",
          kernel::kCommBytes, " bytes; write ",
          base::Quoted(std::string_view(word).substr(0, kernel::kCommBytes)), ", or match exe or cmdline"));
    }
    if ((key == "pidfile" || key == "cgroup") && word[0] != '/') {
      return absl::InvalidArgumentError(
          absl::StrCat(key, " ", base::Quoted(word), " is not an absolute path; begin it with /"));
    }
    if (key == "cgroup" && word.back() == '/') {
      return absl::InvalidArgumentError(absl::StrCat(
          "cgroup ", base::Quoted(word),
          word == "/" ? " contains every process; name a group below it" : " ends in a slash; remove it"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<uid_t>> UserIds(const Words& users) {
  std::vector<uid_t> ids;
  for (const std::string& user : users) {
    const std::optional<uid_t> id = base::UserId(user);
    if (!id.has_value()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "there is no user ", base::Quoted(user), " on this host; correct the name or give the numeric id"));
    }
    ids.push_back(*id);
  }
  return ids;
}

absl::StatusOr<std::shared_ptr<const re2::RE2>> Compile(const std::string& key, const std::string& pattern,
                                                        bool dot_nl) {
  if (pattern.empty()) return nullptr;
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(dot_nl);
  auto expression = std::make_shared<const re2::RE2>(pattern, options);
  if (expression->ok()) return expression;
  return absl::InvalidArgumentError(absl::StrCat(key, " ", base::Quoted(pattern),
                                                 " is not a regular expression: ", expression->error(),
                                                 "; see RE2's syntax page"));
}

// Each word is one line: ^ and $ match its beginning and end.
absl::StatusOr<std::shared_ptr<const re2::RE2>> CompileArgs(const std::string& pattern) {
  if (pattern.empty()) return nullptr;
  auto lines = Compile("args", "(?m)" + pattern, false);
  return lines.ok() ? lines : Compile("args", pattern, false);  // to get an error message without our prefix
}

absl::StatusOr<std::vector<std::unique_ptr<Condition>>> MakeAll(const MatchConditions& from,
                                                                std::shared_ptr<const re2::RE2> cmdline) {
  const std::pair<const char*, const Words*> keys[] = {{"comm", &from.comm},       {"argv0", &from.argv0},
                                                       {"exe", &from.exe},         {"script", &from.script},
                                                       {"package", &from.package}, {"environ", &from.environ},
                                                       {"pidfile", &from.pidfile}, {"user", &from.user},
                                                       {"cgroup", &from.cgroup},   {"unit", &from.unit}};
  for (const auto& [key, words] : keys) {
    if (absl::Status status = CheckWords(key, *words); !status.ok()) return status;
  }
  absl::StatusOr<std::vector<uid_t>> ids = UserIds(from.user);
  if (!ids.ok()) return ids.status();
  absl::StatusOr<std::shared_ptr<const re2::RE2>> args = CompileArgs(from.args);
  if (!args.ok()) return args.status();

  std::vector<std::unique_ptr<Condition>> conditions;
  const auto add = [&conditions](std::unique_ptr<Condition> condition) {
    conditions.push_back(std::move(condition));
  };
  // Ordered by cost: first those without a read, then those on argv, which is read once for all, then those
  // that read one file each.
  if (!from.comm.empty()) add(std::make_unique<CommCondition>(from.comm));
  if (!from.argv0.empty()) add(Argv0Condition(from.argv0));
  if (!from.script.empty()) add(ScriptCondition(from.script));
  if (*args != nullptr) add(ArgsCondition(*std::move(args)));
  if (cmdline != nullptr) add(CmdlineCondition(std::move(cmdline)));
  if (!from.unit.empty()) add(std::make_unique<UnitCondition>(from.unit));
  if (!from.cgroup.empty()) add(std::make_unique<CgroupCondition>(from.cgroup));
  if (!from.user.empty()) add(std::make_unique<UserCondition>(from.user, *std::move(ids)));
  if (!from.exe.empty()) add(ExeCondition(from.exe));
  if (!from.package.empty()) add(PackageCondition(from.package));
  if (!from.environ.empty()) add(EnvironCondition(from.environ));
  if (!from.pidfile.empty()) add(std::make_unique<PidfileCondition>(from.pidfile));
  return conditions;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const re2::RE2>> CompileCmdline(const std::string& pattern) {
  return Compile("cmdline", pattern, true);  // argv may contain newlines, as in sh -c with a whole script
}

absl::StatusOr<std::vector<std::unique_ptr<Condition>>> MakeConditions(
    const Rule& rule, std::shared_ptr<const re2::RE2> cmdline) {
  absl::StatusOr<std::vector<std::unique_ptr<Condition>>> conditions = MakeAll(rule, std::move(cmdline));
  if (!conditions.ok()) return conditions;
  absl::StatusOr<std::shared_ptr<const re2::RE2>> no_cmdline = CompileCmdline(rule.except.cmdline);
  if (!no_cmdline.ok()) return no_cmdline.status();
  absl::StatusOr<std::vector<std::unique_ptr<Condition>>> except =
      MakeAll(rule.except, *std::move(no_cmdline));
  if (!except.ok()) return except;
  if (!conditions->empty() && !except->empty()) {
    conditions->push_back(std::make_unique<NotCondition>(*std::move(except)));
  }
  return conditions;
}

}  // namespace agent_exporter::agents
