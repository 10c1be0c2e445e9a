#include "agents/rule_conditions.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agents/rules.h"
#include "base/label_value.h"
#include "base/pidfile.h"

namespace agent_exporter::agents {
namespace {

constexpr size_t kCommBytes = 15;  // TASK_COMM_LEN less the NUL, include/linux/sched.h

using Words = std::vector<std::string>;

std::string OneOf(const Words& words) {
  return absl::StrCat(words.size() > 1 ? "one of " : "", absl::StrJoin(words, ", "));
}

std::string SawText(const char* what, std::string_view value, const char* without) {
  return value.empty() ? without : absl::StrCat(what, " is ", base::Quoted(value));
}

// A condition that any of several words meets.
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
  std::string Saw(MatchContext& context) const override {
    return absl::StrCat("comm is ", base::Quoted(context.facts().comm()));
  }
};

class ScriptCondition : public WordsCondition {
 public:
  using WordsCondition::WordsCondition;
  bool Holds(MatchContext& context) const override {
    const std::string& cheap = context.ScriptByArgv0();
    if (!cheap.empty()) return Names(cheap);
    // exe settles it, but reading it costs a system call, and a permission: only where some word looks right.
    const std::vector<std::string>& argv = context.facts().argv();
    const bool plausible =
        argv.size() > 1 && std::any_of(argv.begin() + 1, argv.end(), [this](const auto& word) {
          return Names(word) || Names(word.substr(0, word.find('.')));
        });
    return plausible && Names(context.Script());
  }
  std::string Saw(MatchContext& context) const override {
    return SawText("script", context.Script(), "it runs no script");
  }

 private:
  bool Names(std::string_view path) const {
    return Any([path](const std::string& word) {
      return EndsWithPath(path, word) || EndsWithPath(StripScriptExtension(path), word);
    });
  }
};

class CmdlineCondition : public Condition {
 public:
  explicit CmdlineCondition(const re2::RE2& expression) : expression_(expression) {}
  bool Holds(MatchContext& context) const override {
    const std::string& text = context.Cmdline();
    return !text.empty() && re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), expression_);
  }
  std::string Saw(MatchContext& context) const override {
    return SawText("cmdline", context.Cmdline(), "cmdline is empty or could not be read");
  }
  std::string Why(MatchContext&) const override { return absl::StrCat("cmdline is ", Wants()); }
  std::string Wants() const override { return absl::StrCat("a match of /", expression_.pattern(), "/"); }

 private:
  const re2::RE2& expression_;
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
    for (const CgroupLine& line : CgroupLines(context.facts().cgroup())) {
      const auto inside = [&line](const std::string& group) {
        return line.path == group || (line.path.starts_with(group) && line.path[group.size()] == '/');
      };
      if (Any(inside)) return true;
    }
    return false;
  }
  std::string Saw(MatchContext& context) const override {
    std::vector<std::string> paths;
    for (const CgroupLine& line : CgroupLines(context.facts().cgroup())) paths.emplace_back(line.path);
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

class ExeCondition : public WordsCondition {
 public:
  using WordsCondition::WordsCondition;
  bool Holds(MatchContext& context) const override {
    const std::string& exe = context.facts().exe();
    return !exe.empty() && Any([&exe](const std::string& word) { return EndsWithPath(exe, word); });
  }
  std::string Saw(MatchContext& context) const override {
    return SawText("exe", context.facts().exe(), "exe could not be read (not permitted, or a kernel thread)");
  }
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

absl::Status CheckWords(const std::string& key, const Words& words) {
  for (const std::string& word : words) {
    if (word.empty()) return absl::InvalidArgumentError(absl::StrCat(key, " has an empty word; remove it"));
    if (key == "comm" && word.size() > kCommBytes) {
      return absl::InvalidArgumentError(absl::StrCat(
          "comm ", base::Quoted(word), " can never match, since the kernel cuts names after ", kCommBytes,
          " bytes; write ", base::Quoted(std::string_view(word).substr(0, kCommBytes)),
          ", or match exe or cmdline"));
    }
    if ((key == "pidfile" || key == "cgroup") && word[0] != '/') {
      return absl::InvalidArgumentError(
          absl::StrCat(key, " ", base::Quoted(word), " is no absolute path; begin it with /"));
    }
    if (key == "cgroup" && word.back() == '/') {
      return absl::InvalidArgumentError(absl::StrCat(
          "cgroup ", base::Quoted(word),
          word == "/" ? " holds every process; name a group below it" : " ends in a slash; remove it"));
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

}  // namespace

absl::StatusOr<std::vector<std::unique_ptr<Condition>>> MakeConditions(const Rule& rule,
                                                                       const re2::RE2* cmdline) {
  const std::pair<const char*, const Words*> keys[] = {
      {"comm", &rule.comm}, {"exe", &rule.exe},       {"script", &rule.script}, {"pidfile", &rule.pidfile},
      {"user", &rule.user}, {"cgroup", &rule.cgroup}, {"unit", &rule.unit}};
  for (const auto& [key, words] : keys) {
    if (absl::Status status = CheckWords(key, *words); !status.ok()) return status;
  }
  absl::StatusOr<std::vector<uid_t>> ids = UserIds(rule.user);
  if (!ids.ok()) return ids.status();

  std::vector<std::unique_ptr<Condition>> conditions;
  if (!rule.comm.empty()) conditions.push_back(std::make_unique<CommCondition>(rule.comm));
  if (!rule.script.empty()) conditions.push_back(std::make_unique<ScriptCondition>(rule.script));
  if (cmdline != nullptr) conditions.push_back(std::make_unique<CmdlineCondition>(*cmdline));
  if (!rule.unit.empty()) conditions.push_back(std::make_unique<UnitCondition>(rule.unit));
  if (!rule.cgroup.empty()) conditions.push_back(std::make_unique<CgroupCondition>(rule.cgroup));
  if (!rule.user.empty()) conditions.push_back(std::make_unique<UserCondition>(rule.user, *std::move(ids)));
  if (!rule.exe.empty()) conditions.push_back(std::make_unique<ExeCondition>(rule.exe));
  if (!rule.pidfile.empty()) conditions.push_back(std::make_unique<PidfileCondition>(rule.pidfile));
  return conditions;
}

}  // namespace agent_exporter::agents
