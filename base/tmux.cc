#include "base/tmux.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/bounded_command.h"
#include "base/descriptor.h"

namespace agent_exporter::base {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

// The name comes last: it may contain spaces.
constexpr char kFormat[] =
    "#{pid} #{pane_pid} #{pane_dead} #{window_index} #{pane_index} #{session_id} #{session_name}";
constexpr int kFields = 7;

struct Sockets {
  std::vector<std::string> own;
  size_t others = 0;
};

using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

std::vector<std::string> Entries(const std::string& path) {
  std::vector<std::string> names;
  const Directory dir(::opendir(path.c_str()), &::closedir);
  if (dir == nullptr) return names;
  while (const dirent* entry = ::readdir(dir.get())) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

// Finds the sockets in root/tmux-<uid>/. A socket is ours if we own the file and its folder, and nobody else
// can replace it.
Sockets FindSockets(const std::string& root) {
  Sockets result;
  for (const std::string& folder : Entries(root)) {
    if (!folder.starts_with("tmux-")) continue;
    const std::string path = absl::StrCat(root, "/", folder);
    struct stat info{};
    if (::lstat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) continue;
    const bool own = info.st_uid == ::geteuid() && (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
    bool listed = false;
    for (const std::string& name : Entries(path)) {
      listed = true;
      const std::string socket = absl::StrCat(path, "/", name);
      if (::lstat(socket.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) continue;
      if (own && info.st_uid == ::geteuid()) {
        result.own.push_back(socket);
      } else {
        ++result.others;
      }
    }
    // We may not list another user's folder. Assume one socket in it.
    if (!own && !listed && ::access(path.c_str(), R_OK) != 0) ++result.others;
  }
  return result;
}

// `path` is one that an administrator chose.
void AddSocket(const std::string& path, Sockets* sockets) {
  struct stat info{};
  if (std::find(sockets->own.begin(), sockets->own.end(), path) != sockets->own.end()) return;
  if (::stat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return;
  if (info.st_uid == ::geteuid()) {
    sockets->own.push_back(path);
  } else {
    ++sockets->others;
  }
}

// A socket file outlives a server that was killed. Connecting is cheaper than running tmux to find out.
bool HasServer(const std::string& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.size() >= sizeof address.sun_path) return false;
  socket.copy(address.sun_path, socket.size());
  const Descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // EAGAIN: the server's queue is full, so there is a (slow) server.
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
         errno == EAGAIN;
}

bool ParsePane(absl::string_view line, TmuxPane* pane) {
  const std::vector<absl::string_view> fields = absl::StrSplit(line, absl::MaxSplits(' ', kFields - 1));
  int dead = 0;
  if (fields.size() != kFields || !absl::SimpleAtoi(fields[0], &pane->server_pid) ||
      !absl::SimpleAtoi(fields[1], &pane->pid) || !absl::SimpleAtoi(fields[2], &dead) ||
      !absl::SimpleAtoi(fields[3], &pane->window) || !absl::SimpleAtoi(fields[4], &pane->pane)) {
    return false;
  }
  if (dead != 0) pane->pid = 0;
  pane->session_id = std::string(fields[5]);
  pane->session = std::string(fields[6]);
  return true;
}

absl::Status AskServer(const TmuxOptions& options, const std::string& program, const std::string& socket,
                       SteadyClock::time_point deadline, std::vector<TmuxPane>* panes) {
  if (!HasServer(socket)) return absl::OkStatus();
  const auto left = std::chrono::duration_cast<milliseconds>(deadline - SteadyClock::now());
  // Without -u tmux replaces non-ASCII characters in names with underscores.
  const auto result = RunBounded({.argv = {program, "-u", "-S", socket, "list-panes", "-a", "-F", kFormat},
                                  .time_limit = std::max(left, milliseconds(0)),
                                  .cancel_fd = options.cancel_fd});
  if (!result.ok()) return result.status();
  if (!result->success()) {
    if (!HasServer(socket)) return absl::OkStatus();  // it ended meanwhile
    return absl::InternalError(
        absl::StrCat("tmux -S ", socket, ": ", absl::StripAsciiWhitespace(result->err)));
  }
  for (const absl::string_view line : absl::StrSplit(result->out, '\n', absl::SkipEmpty())) {
    TmuxPane pane{.socket = socket};
    if (!ParsePane(line, &pane)) {
      return absl::InternalError(absl::StrCat("tmux -S ", socket, ": unexpected answer: ", line));
    }
    panes->push_back(std::move(pane));
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<std::string> TmuxList::SessionNames() const {
  std::vector<std::tuple<std::string, std::string, std::string>> sessions;
  sessions.reserve(panes.size());
  for (const TmuxPane& pane : panes) sessions.emplace_back(pane.session, pane.socket, pane.session_id);
  std::sort(sessions.begin(), sessions.end());
  sessions.erase(std::unique(sessions.begin(), sessions.end()), sessions.end());
  std::vector<std::string> names;
  names.reserve(sessions.size());
  for (auto& [name, socket, id] : sessions) names.push_back(std::move(name));
  return names;
}

std::string TmuxSocketRoot() {
  const char* root = std::getenv("TMUX_TMPDIR");
  return root != nullptr && *root != '\0' ? root : "/tmp";
}

absl::StatusOr<TmuxList> ListTmux(const TmuxOptions& options) {
  const SteadyClock::time_point deadline = SteadyClock::now() + options.time_limit;
  const auto program = FindProgram(options.program);
  if (!program.ok()) return program.status();
  Sockets sockets = FindSockets(options.socket_root);
  for (const std::string& path : options.sockets) AddSocket(path, &sockets);
  TmuxList list{.others = sockets.others};
  for (const std::string& socket : sockets.own) {
    if (absl::Status status = AskServer(options, *program, socket, deadline, &list.panes); !status.ok()) {
      return status;
    }
  }
  return list;
}

}  // namespace agent_exporter::base
