// A word of a rule that is compared with a path: with its last component ("amp"), its last components
// ("bin/amp") or, if it begins with "/", the whole path. "*" matches any text within one component, "**" any
// text.
//
//   claude/versions/*               the file of any version
//   @google/gemini-cli/**           anything in that folder
//   gitea-runner-*-linux-*          a release's own file name
//
// Thread safety: immutable.

#ifndef AGENT_EXPORTER_BASE_PATH_PATTERN_H_
#define AGENT_EXPORTER_BASE_PATH_PATTERN_H_

#include <re2/re2.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace agent_exporter::base {

class PathPattern {
 public:
  explicit PathPattern(std::string_view word);

  bool Matches(std::string_view path) const;
  // The same, but the pattern must match all of `text`.
  bool MatchesAll(std::string_view text) const;
  const std::string& word() const { return word_; }

 private:
  std::string word_;
  std::string literal_;  // the longest part of word_ without a star, which every match contains
  // Null if word_ has no star.
  std::shared_ptr<const re2::RE2> tail_, all_;
};

std::vector<PathPattern> PathPatterns(const std::vector<std::string>& words);

// The part after the last slash, or all of `path` if there is none.
std::string_view Basename(std::string_view path);

// True if `tail` is the last component or components of `path`: "b/c" of "/a/b/c", but not of "/a/xb/c". An
// absolute `tail` must be the whole path.
bool EndsWithPath(std::string_view path, std::string_view tail);

// Undoes Nix' renaming of wrapped programs: "/nix/store/…/bin/.claude-wrapped" gives
// "/nix/store/…/bin/claude". "" if `path` has no such name.
std::string WithoutNixWrapping(std::string_view path);

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_PATH_PATTERN_H_
