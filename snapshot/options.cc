#include "snapshot/options.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace agent_exporter::snapshot {
namespace {

std::string_view Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

DiffOptions DefaultDiffOptions() {
  return {.ignore = {},
          .minimum = {{"fork_pressure_pct", {.amount = 1}},
                      {"load1", {.amount = 1}},
                      {"mem_free_bytes", {.amount = 25, .percent = true}},
                      {"mem_used_bytes", {.amount = 25, .percent = true}},
                      {"nproc_cur", {.amount = 50}}}};
}

std::string ExpandHome(const std::string& path) {
  if (path != "~" && !path.starts_with("~/")) return path;
  std::string home(Environment("HOME"));
  if (home.empty()) {
    passwd entry{};
    passwd* found = nullptr;
    char buffer[16384];
    if (::getpwuid_r(::geteuid(), &entry, buffer, sizeof buffer, &found) != 0 || found == nullptr)
      return path;
    home = entry.pw_dir;
  }
  return home + path.substr(1);
}

std::string DefaultSnapshotDir() {
  // systemd separates several directories by colons; the first is used.
  const std::string_view cache = Environment("CACHE_DIRECTORY");
  if (!cache.empty()) return std::string(cache.substr(0, cache.find(':')));
  const std::string_view xdg = Environment("XDG_CACHE_HOME");
  if (!xdg.empty()) return absl::StrCat(std::string(xdg), "/agent_exporter");
  return ExpandHome("~/.cache/agent_exporter");
}

}  // namespace agent_exporter::snapshot
