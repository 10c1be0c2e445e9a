#include "base/path_pattern.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace agent_exporter::base {
namespace {

std::string ToExpression(std::string_view word) {
  std::string expression;
  for (size_t i = 0; i < word.size(); ++i) {
    if (word.substr(i).starts_with("**")) {
      expression += ".*";
      ++i;
    } else if (word[i] == '*') {
      expression += "[^/]*";
    } else {
      expression += re2::RE2::QuoteMeta(re2::StringPiece(&word[i], 1));
    }
  }
  return expression;
}

std::shared_ptr<const re2::RE2> Compile(const std::string& expression) {
  re2::RE2::Options options;
  options.set_encoding(re2::RE2::Options::EncodingLatin1);  // paths are bytes
  options.set_dot_nl(true);
  options.set_log_errors(false);
  return std::make_shared<const re2::RE2>(expression, options);
}

bool FullMatch(const re2::RE2& expression, std::string_view text) {
  return re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()), expression);
}

std::string LongestLiteral(std::string_view word) {
  std::string_view longest;
  while (!word.empty()) {
    const std::string_view piece = word.substr(0, word.find('*'));
    if (piece.size() > longest.size()) longest = piece;
    word.remove_prefix(std::min(piece.size() + 1, word.size()));
  }
  return std::string(longest);
}

}  // namespace

PathPattern::PathPattern(std::string_view word) : word_(word), literal_(LongestLiteral(word)) {
  if (word.find('*') == std::string_view::npos) return;
  const std::string expression = ToExpression(word);
  all_ = Compile(expression);
  tail_ = word.starts_with('/') ? all_ : Compile(absl::StrCat("(?:.*/)?", expression));
}

bool PathPattern::Matches(std::string_view path) const {
  if (tail_ == nullptr) return EndsWithPath(path, word_);
  return path.find(literal_) != std::string_view::npos && FullMatch(*tail_, path);
}

bool PathPattern::MatchesAll(std::string_view text) const {
  if (all_ == nullptr) return text == word_;
  return text.find(literal_) != std::string_view::npos && FullMatch(*all_, text);
}

std::vector<PathPattern> PathPatterns(const std::vector<std::string>& words) {
  return std::vector<PathPattern>(words.begin(), words.end());
}

std::string_view Basename(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool EndsWithPath(std::string_view path, std::string_view tail) {
  if (path == tail) return true;
  return !tail.starts_with('/') && path.size() > tail.size() && path.ends_with(tail) &&
         path[path.size() - tail.size() - 1] == '/';
}

std::string WithoutNixWrapping(std::string_view path) {
  const std::string_view name = Basename(path);
  if (!name.starts_with('.')) return "";
  // One "_" per further wrapping (wrapProgram of nixpkgs' makeWrapper).
  const std::string_view trimmed = name.substr(0, name.find_last_not_of('_') + 1);
  constexpr std::string_view kSuffix = "-wrapped";
  if (!trimmed.ends_with(kSuffix) || trimmed.size() < kSuffix.size() + 2) return "";
  std::string unwrapped(path.substr(0, path.size() - name.size()));
  return unwrapped.append(trimmed.substr(1, trimmed.size() - 1 - kSuffix.size()));
}

}  // namespace agent_exporter::base
