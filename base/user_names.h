// Looks up user names and ids in the system's user database (getpwnam_r(3)). Names are cached, because a
// lookup may ask LDAP.
//
// Thread safety: safe to call from several threads at once; a mutex guards the cache.

#ifndef AGENT_EXPORTER_BASE_USER_NAMES_H_
#define AGENT_EXPORTER_BASE_USER_NAMES_H_

#include <sys/types.h>

#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace agent_exporter::base {

// The id of the user `name`, which may also be a number. Empty if there is no such user.
std::optional<uid_t> UserId(const std::string& name);

class UserNames {
 public:
  // The name of user `uid`, or the number if the database has no such user (a container's user, for example).
  std::string Name(uid_t uid);

 private:
  std::mutex mutex_;
  std::map<uid_t, std::string> names_;
};

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_USER_NAMES_H_
