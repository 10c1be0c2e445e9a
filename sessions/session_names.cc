#include "sessions/session_names.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/label_value.h"
#include "base/path_pattern.h"

namespace agent_exporter::sessions {
namespace {

constexpr char kOther[] = "other";

// A UUID or a digest: hexadecimal digits, perhaps with dashes, too many for a word.
bool IsId(std::string_view text) {
  constexpr size_t kLongestWord = 12;
  return text.size() > kLongestWord && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isxdigit(c) != 0 || c == '-';
         });
}

}  // namespace

const std::string* SessionNames::Find(const kernel::ProcessKey& root) const {
  const auto found = sessions_.find(root);
  return found == sessions_.end() ? nullptr : &found->second.name;
}

const std::string& SessionNames::Give(const kernel::ProcessKey& root, const std::string& agent,
                                      std::string_view wish) {
  Session session{.agent = agent, .name = base::LabelValue(base::Basename(wish))};
  if (session.name.empty() || IsId(session.name)) session.name = agent;
  const size_t named = std::count_if(sessions_.begin(), sessions_.end(),
                                     [](const auto& entry) { return entry.second.name != kOther; });
  if (named >= kMost) {
    session.name = kOther;
  } else {
    const std::string first = session.name;
    for (int number = 2; Taken(session); ++number) session.name = absl::StrCat(first, "-", number);
  }
  return sessions_.insert_or_assign(root, std::move(session)).first->second.name;
}

void SessionNames::Forget(const kernel::ProcessKey& root) { sessions_.erase(root); }

bool SessionNames::Taken(const Session& session) const {
  return session.name == kOther ||
         std::any_of(sessions_.begin(), sessions_.end(), [&session](const auto& entry) {
           return entry.second.agent == session.agent && entry.second.name == session.name;
         });
}

}  // namespace agent_exporter::sessions
