#include "ledger/rate_limit_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace agent_exporter::ledger {
namespace {

constexpr size_t kBytesPerPoll = 1 << 20;
constexpr size_t kMaxLine = 16 * 1024;

// The messages of the agents' own programs, the more specific ones first. A number counts only as a status
// code: "line 529" means nothing.
constexpr std::pair<const char*, const char*> kDefaults[] = {
    {"529", R"((?i)\b529\b.{0,100}\boverload|\boverload.{0,100}\b529\b|)"
            R"(\b(error|status|status code|http(/[0-9.]+)?|code)["']?[:= (]{1,3}529\b)"},
    {"throttle", R"((?i)server is temporarily limiting requests)"},
    {"quota", R"((?i)\b(usage|quota|weekly|session|5-hour) limit\b|)"
              R"(\b(reached|hit|exceeded) (your|the) (usage |quota |weekly |session |5-hour )?limit\b)"},
    {"429", R"((?i)\b(error|status|status code|http(/[0-9.]+)?|code)["']?[:= (]{1,3}429\b|)"
            R"(\b429\b.{0,20}too many requests|\btoo many requests\b.{0,20}\b429\b|\brate_limit_error\b)"},
    {"overloaded", R"((?i)\boverloaded_error\b|)"
                   R"(\b(api|server|model|service)( is| are)?( currently| temporarily)? overloaded\b)"},
};

}  // namespace

absl::StatusOr<RateLimitPatterns> RateLimitPatterns::Make(const std::map<std::string, std::string>& own) {
  RateLimitPatterns result;
  for (const auto& [kind, text] : own) {
    bool known = false;
    for (const auto& [default_kind, unused] : kDefaults) known |= kind == default_kind;
    if (!known) {
      return absl::InvalidArgumentError(absl::StrCat(
          "\"", kind,
          "\" is not a kind of rate limit in logs; known are 529, throttle, quota, 429 and overloaded"));
    }
  }
  for (const auto& [kind, text] : kDefaults) {
    const auto found = own.find(kind);
    auto pattern = std::make_unique<RE2>(found == own.end() ? text : found->second, RE2::Quiet);
    if (!pattern->ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the expression for ", kind, " is not valid RE2: ", pattern->error()));
    }
    result.patterns_.emplace_back(kind, std::move(pattern));
  }
  return result;
}

std::string_view RateLimitPatterns::KindOf(std::string_view line) const {
  const re2::StringPiece text(line.data(), line.size());
  for (const auto& [kind, pattern] : patterns_) {
    if (RE2::PartialMatch(text, *pattern)) return kind;
  }
  return "";
}

void LogFollower::Poll(const std::function<void(std::string_view)>& take) {
  budget_ = kBytesPerPoll;
  const bool first = !std::exchange(polled_, true);
  // First read what the rotated file got since the last poll, then its successor.
  if (file_.ok() && !ReadOn(take)) return;
  struct stat there = {};
  if (stat(path_.c_str(), &there) != 0) return;  // it does not exist yet, or is being rotated
  if (file_.ok() && there.st_dev == device_ && there.st_ino == inode_) return;
  // Non-blocking: it may be a pipe.
  base::Descriptor file(open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat opened = {};
  if (!file.ok() || fstat(file.get(), &opened) != 0 || !S_ISREG(opened.st_mode)) return;
  file_ = std::move(file);
  device_ = opened.st_dev;
  inode_ = opened.st_ino;
  offset_ = first ? opened.st_size : 0;
  partial_.clear();
  ReadOn(take);
}

bool LogFollower::ReadOn(const std::function<void(std::string_view)>& take) {
  struct stat about = {};
  if (fstat(file_.get(), &about) == 0 && about.st_size < offset_) {  // cut
    offset_ = 0;
    partial_.clear();
  }
  char room[64 * 1024];
  while (budget_ > 0) {
    const ssize_t got = pread(file_.get(), room, std::min(sizeof(room), budget_), offset_);
    if (got <= 0) return true;
    offset_ += got;
    budget_ -= static_cast<size_t>(got);
    TakeText({room, static_cast<size_t>(got)}, take);
  }
  return false;
}

void LogFollower::TakeText(std::string_view text, const std::function<void(std::string_view)>& take) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view piece = text.substr(0, end);
    if (partial_.size() < kMaxLine) partial_.append(piece.substr(0, kMaxLine - partial_.size()));
    if (end == std::string_view::npos) return;
    take(partial_);
    partial_.clear();
    text.remove_prefix(end + 1);
  }
}

}  // namespace agent_exporter::ledger
