#include "sessions/session_processes.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agents/process_facts.h"

namespace agent_exporter::sessions {
namespace {

constexpr size_t kMostKnown = 4096;
constexpr size_t kLongestPath = 4096;

agents::RuleSet Profiles() {
  const std::vector<std::string_view> wanted = ReadableProfiles();
  std::vector<agents::Rule> rules;
  for (agents::Rule& rule : agents::BuiltInRules()) {
    if (std::find(wanted.begin(), wanted.end(), rule.name) != wanted.end()) rules.push_back(std::move(rule));
  }
  return *agents::RuleSet::Make(std::move(rules));  // profiles_test checks that the built-in rules compile
}

std::map<std::string, std::string> Wanted(const std::vector<std::string>& environ) {
  std::map<std::string, std::string> wanted;
  for (const std::string& entry : environ) {
    for (const std::string_view name : kSessionVariables) {
      if (entry.size() > name.size() && entry.size() <= kLongestPath && entry[name.size()] == '=' &&
          entry.compare(0, name.size(), name) == 0) {
        wanted.emplace(name, entry.substr(name.size() + 1));
      }
    }
  }
  return wanted;
}

}  // namespace

std::optional<std::string> HomeFromUserDatabase(uid_t uid) {
  std::string buffer(16 << 10, '\0');
  struct passwd entry = {};
  struct passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return std::nullopt;
  return std::string(entry.pw_dir);
}

SessionProcesses::SessionProcesses(const std::string& procfs, HomeOf home_of)
    : proc_(procfs), home_of_(std::move(home_of)), files_(proc_), profiles_(Profiles()) {}

absl::StatusOr<SessionProcess> SessionProcesses::Describe(const kernel::ProcessKey& key,
                                                          double start_seconds) {
  const absl::StatusOr<uid_t> uid = files_.Uid(key.pid);
  if (!uid.ok()) return uid.status();
  absl::StatusOr<std::string> cwd = files_.Cwd(key.pid);
  if (!cwd.ok()) return cwd.status();
  SessionProcess process{.key = key,
                         .inner_pid = files_.InnermostPid(key.pid).value_or(key.pid),
                         .uid = *uid,
                         .start_seconds = start_seconds,
                         .cwd = *std::move(cwd)};
  const auto environ = files_.Environ(key);
  if (environ.ok()) process.environment = Wanted(*environ);
  if (files_.HasOtherMounts(key.pid)) {
    const std::string root = absl::StrCat(proc_.root(), "/", key.pid, "/root");
    if (::access(root.c_str(), X_OK) == 0) process.root = root;
  }
  const auto home = process.environment.find("HOME");
  if (home != process.environment.end() && home->second.starts_with('/')) {
    process.home = home->second;
  } else if (process.root.empty()) {
    process.home = home_of_(*uid).value_or("");
  }
  return process;
}

const std::string& SessionProcesses::ProfileOf(const agents::ProcessSample& process) {
  if (known_.size() > kMostKnown) known_.clear();
  const auto [known, is_new] = known_.try_emplace({process.key, process.comm});
  if (!is_new) return known->second;
  agents::LazyProcessFacts facts(process.key, process.comm, files_, unreadable_);
  if (const auto match = profiles_.Find(facts)) known->second = match->agent;
  if (facts.complete()) return known->second;
  static const std::string kUnknown;
  known_.erase(known);  // ask again
  return kUnknown;
}

}  // namespace agent_exporter::sessions
