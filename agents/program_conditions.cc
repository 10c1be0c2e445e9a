#include "agents/program_conditions.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "base/label_value.h"
#include "base/path_pattern.h"

namespace agent_exporter::agents {
namespace {

using Words = std::vector<std::string>;

bool MatchesAny(const std::vector<base::PathPattern>& patterns, std::string_view path) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [path](const base::PathPattern& pattern) { return pattern.Matches(path); });
}

bool Contains(const re2::RE2& expression, const std::string& text) {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), expression);
}

class PatternsCondition : public Condition {
 public:
  explicit PatternsCondition(const Words& words)
      : patterns_(base::PathPatterns(words)), wants_(OneOf(words)) {}
  std::string Wants() const override { return wants_; }

 protected:
  // Whether a word names the file at `path`, or the program that Nix wrapped under that name.
  bool NamesFile(std::string_view path) const {
    if (MatchesAny(patterns_, path)) return true;
    const std::string unwrapped = base::WithoutNixWrapping(path);
    return !unwrapped.empty() && MatchesAny(patterns_, unwrapped);
  }

  std::vector<base::PathPattern> patterns_;

 private:
  std::string wants_;
};

class Argv0 : public PatternsCondition {
 public:
  using PatternsCondition::PatternsCondition;
  bool Holds(MatchContext& context) const override {
    const Words& argv = context.facts().argv();
    if (argv.empty()) return false;
    const std::string& text = argv[0];
    // A title that a program wrote over argv is not a path, so its last word means nothing.
    const bool title = text.find(' ') != std::string::npos && text[0] != '/' && text[0] != '.';
    if (!title) return NamesFile(text);
    return std::any_of(patterns_.begin(), patterns_.end(),
                       [&text](const base::PathPattern& pattern) { return pattern.MatchesAll(text); });
  }
  bool NamesIt(MatchContext& context) const override {
    return Holds(context) && !IsInterpreter(context.facts().argv()[0]);
  }
  std::string Saw(MatchContext& context) const override {
    const Words& argv = context.facts().argv();
    return SawText("argv0", argv.empty() ? "" : argv[0], "argv is empty or could not be read");
  }
  std::string Why(MatchContext&) const override { return absl::StrCat("argv0 is ", Wants()); }
};

class Exe : public PatternsCondition {
 public:
  using PatternsCondition::PatternsCondition;
  bool Holds(MatchContext& context) const override { return NamesFile(context.facts().exe()); }
  bool NamesIt(MatchContext& context) const override {
    return Holds(context) && !IsInterpreter(context.facts().exe());
  }
  std::string Saw(MatchContext& context) const override {
    return SawText("exe", context.facts().exe(), "exe could not be read (not permitted, or a kernel thread)");
  }
};

class Script : public PatternsCondition {
 public:
  using PatternsCondition::PatternsCondition;
  bool Holds(MatchContext& context) const override {
    if (context.ScriptByArgv0().empty() && !Plausible(context.facts().argv())) return false;
    const std::string& script = context.Script();
    if (script.empty() || Names(script)) return !script.empty();
    const std::string& target = context.ScriptTarget();
    return target != script && Names(target);
  }
  bool NamesIt(MatchContext& context) const override { return Holds(context); }
  std::string Saw(MatchContext& context) const override {
    const std::string& script = context.Script();
    std::string saw = SawText("script", script, "it runs no script");
    if (!script.empty() && !context.ScriptTarget().empty() && context.ScriptTarget() != script) {
      absl::StrAppend(&saw, " (a link to ", base::Quoted(context.ScriptTarget()), ")");
    }
    return saw;
  }

 private:
  // exe identifies an interpreter under another name, but costs a system call and needs permission, so we
  // read it only if some word fits.
  bool Plausible(const Words& argv) const {
    constexpr size_t kFirstWords = 16;
    const auto end = argv.begin() + static_cast<ptrdiff_t>(std::min(argv.size(), kFirstWords));
    return argv.size() > 1 && std::any_of(argv.begin() + 1, end, [this](const std::string& word) {
             const bool path = word.find('/') != std::string::npos || StripScriptExtension(word) != word;
             return path && !word.starts_with('-') && Names(word);
           });
  }
  bool Names(std::string_view path) const {
    if (NamesFile(path)) return true;
    const std::string_view stripped = StripScriptExtension(path);
    return stripped.size() != path.size() && MatchesAny(patterns_, stripped);
  }
};

class Package : public PatternsCondition {
 public:
  using PatternsCondition::PatternsCondition;
  bool Holds(MatchContext& context) const override {
    return Names(context.Package()) || Names(context.RunnerPackage());
  }
  bool NamesIt(MatchContext& context) const override { return Holds(context); }
  std::string Saw(MatchContext& context) const override {
    const std::string& runs = context.RunnerPackage();
    return SawText("package", runs.empty() ? context.Package() : runs, "it belongs to no package");
  }

 private:
  bool Names(const std::string& package) const {
    return !package.empty() &&
           std::any_of(patterns_.begin(), patterns_.end(),
                       [&](const base::PathPattern& pattern) { return pattern.MatchesAll(package); });
  }
};

class Environ : public PatternsCondition {
 public:
  using PatternsCondition::PatternsCondition;
  bool Holds(MatchContext& context) const override {
    const Words& environment = context.facts().environment();
    return std::any_of(environment.begin(), environment.end(), [this](const std::string& entry) {
      const std::string_view name = std::string_view(entry).substr(0, entry.find('='));
      return std::any_of(patterns_.begin(), patterns_.end(), [&](const base::PathPattern& pattern) {
        const bool value = pattern.word().find('=') != std::string::npos;
        return pattern.MatchesAll(value ? std::string_view(entry) : name);
      });
    });
  }
  // Values and names may be secrets, so they are not shown.
  std::string Saw(MatchContext& context) const override {
    if (context.facts().environment().empty()) return "environ is empty or could not be read (not permitted)";
    return Holds(context) ? Why(context) : "environ does not have it";
  }
  std::string Why(MatchContext&) const override { return absl::StrCat("environ has ", Wants()); }
};

// A condition with one regular expression.
class ExpressionCondition : public Condition {
 public:
  explicit ExpressionCondition(std::shared_ptr<const re2::RE2> expression)
      : expression_(std::move(expression)) {}
  std::string Wants() const override { return absl::StrCat("a match of /", expression_->pattern(), "/"); }

 protected:
  // The part of the value that could not be read may be the one that matches.
  static std::string Remainder(MatchContext& context) {
    if (context.facts().command_line().whole) return "";
    size_t bytes = 0;
    for (const std::string& word : context.facts().command_line().words) bytes += word.size() + 1;
    return absl::StrCat(" (the command line continues after ", bytes, " bytes, which could not be read)");
  }
  const re2::RE2& expression() const { return *expression_; }

 private:
  std::shared_ptr<const re2::RE2> expression_;
};

class Args : public ExpressionCondition {
 public:
  using ExpressionCondition::ExpressionCondition;
  bool Holds(MatchContext& context) const override {
    return !context.facts().argv().empty() && Contains(expression(), context.Arguments());
  }
  std::string Saw(MatchContext& context) const override {
    std::string_view lines = context.Arguments();
    if (lines.ends_with('\n')) lines.remove_suffix(1);
    const std::string words = absl::StrReplaceAll(std::string(lines), {{"\n", " "}});
    return absl::StrCat(SawText("args", words, "it has no arguments"), Remainder(context));
  }
  std::string Why(MatchContext&) const override { return absl::StrCat("args are ", Wants()); }
};

class Cmdline : public ExpressionCondition {
 public:
  using ExpressionCondition::ExpressionCondition;
  bool Holds(MatchContext& context) const override {
    const std::string& text = context.Cmdline();
    return !text.empty() && Contains(expression(), text);
  }
  std::string Saw(MatchContext& context) const override {
    return absl::StrCat(SawText("cmdline", context.Cmdline(), "cmdline is empty or could not be read"),
                        Remainder(context));
  }
  std::string Why(MatchContext&) const override { return absl::StrCat("cmdline is ", Wants()); }
};

}  // namespace

std::string OneOf(const Words& words) {
  return absl::StrCat(words.size() > 1 ? "one of " : "", absl::StrJoin(words, ", "));
}

std::string SawText(std::string_view what, std::string_view value, std::string_view without) {
  constexpr size_t kShown = 300;
  if (value.empty()) return std::string(without);
  return absl::StrCat(std::string(what), " is ", base::Quoted(value.substr(0, kShown)),
                      value.size() > kShown ? " and more" : "");
}

std::unique_ptr<Condition> Argv0Condition(const Words& words) { return std::make_unique<Argv0>(words); }
std::unique_ptr<Condition> ExeCondition(const Words& words) { return std::make_unique<Exe>(words); }
std::unique_ptr<Condition> ScriptCondition(const Words& words) { return std::make_unique<Script>(words); }
std::unique_ptr<Condition> PackageCondition(const Words& words) { return std::make_unique<Package>(words); }
std::unique_ptr<Condition> EnvironCondition(const Words& words) { return std::make_unique<Environ>(words); }
std::unique_ptr<Condition> ArgsCondition(std::shared_ptr<const re2::RE2> expression) {
  return std::make_unique<Args>(std::move(expression));
}
std::unique_ptr<Condition> CmdlineCondition(std::shared_ptr<const re2::RE2> expression) {
  return std::make_unique<Cmdline>(std::move(expression));
}

}  // namespace agent_exporter::agents
