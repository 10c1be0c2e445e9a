#include "run/name_claims.h"

#include <unistd.h>

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/label_value.h"
#include "base/user_names.h"

namespace agent_exporter::run {
namespace {

std::set<uid_t> Ids(const std::vector<std::string>& users) {
  std::set<uid_t> ids;
  for (const std::string& user : users) {
    if (const std::optional<uid_t> id = base::UserId(user)) ids.insert(*id);
  }
  return ids;
}

}  // namespace

bool IsTrustedUser(uid_t uid) { return uid == 0 || uid == geteuid(); }

void NameClaims::SetRules(const std::vector<agents::Rule>& rules) {
  std::multimap<std::string, Claim> claims;
  for (const agents::Rule& rule : rules) {
    const bool cannot_forge = !rule.unit.empty() || !rule.cgroup.empty() || !rule.pidfile.empty();
    claims.emplace(rule.name, Claim{.all = rule.user.empty() && !cannot_forge,
                                    .some = Ids(rule.user),
                                    .except = Ids(rule.except.user)});
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  claims_ = std::move(claims);
}

absl::Status NameClaims::Check(const std::string& name, uid_t uid) const {
  if (name == "other" || name == "agent_exporter") {
    return absl::PermissionDeniedError(
        absl::StrCat("the name ", base::Quoted(name), " is the exporter's own; take another"));
  }
  if (IsTrustedUser(uid)) return absl::OkStatus();
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto [first, last] = claims_.equal_range(name);
  for (auto claim = first; claim != last; ++claim) {
    const auto& [all, some, except] = claim->second;
    if ((all || some.count(uid) != 0) && except.count(uid) == 0) return absl::OkStatus();
  }
  if (first == last) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat("the name ", base::Quoted(name),
                   " is configured for other users' processes; take another, or add this user to the rule"));
}

}  // namespace agent_exporter::run
