#include "base/user_names.h"

#include <pwd.h>

#include <cerrno>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace agent_exporter::base {
namespace {

// Calls one of the getpw*_r functions and grows the buffer until the entry fits. Null if there is no such
// user.
template <typename Lookup>
const passwd* Find(const Lookup& lookup, passwd* entry, std::vector<char>* buffer) {
  constexpr size_t kMaxBuffer = 1 << 20;
  buffer->resize(1024);
  passwd* found = nullptr;
  int error = lookup(entry, buffer, &found);
  while (error == ERANGE && buffer->size() < kMaxBuffer) {
    buffer->resize(buffer->size() * 2);
    error = lookup(entry, buffer, &found);
  }
  return error == 0 ? found : nullptr;
}

}  // namespace

std::optional<uid_t> UserId(const std::string& name) {
  uint32_t number = 0;
  if (absl::SimpleAtoi(name, &number)) return number;
  passwd entry;
  std::vector<char> buffer;
  const passwd* user =
      Find([&name](passwd* e, std::vector<char>* b,
                   passwd** found) { return getpwnam_r(name.c_str(), e, b->data(), b->size(), found); },
           &entry, &buffer);
  if (user == nullptr) return std::nullopt;
  return user->pw_uid;
}

std::string UserNames::Name(uid_t uid) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto known = names_.find(uid);
  if (known != names_.end()) return known->second;
  passwd entry;
  std::vector<char> buffer;
  const passwd* user = Find([uid](passwd* e, std::vector<char>* b,
                                  passwd** found) { return getpwuid_r(uid, e, b->data(), b->size(), found); },
                            &entry, &buffer);
  return names_[uid] = user == nullptr ? absl::StrCat(uid) : user->pw_name;
}

}  // namespace agent_exporter::base
