#include "agents/resource_names.h"

namespace agent_exporter::agents {
namespace {

template <typename Values>
auto Named(const Values& values, std::string_view name) -> std::optional<typename Values::value_type> {
  for (const auto value : values) {
    if (name == Name(value)) return value;
  }
  return std::nullopt;
}

}  // namespace

const char* Name(ResourceUse::Scope scope) {
  switch (scope) {
    case ResourceUse::Scope::kSelf:
      return "self";
    case ResourceUse::Scope::kTree:
      return "tree";
  }
  return "";
}

const char* Name(ResourceUse::Resource resource) {
  switch (resource) {
    case ResourceUse::Resource::kFds:
      return "fds";
    case ResourceUse::Resource::kMemory:
      return "memory";
    case ResourceUse::Resource::kPids:
      return "pids";
    case ResourceUse::Resource::kInotifyInstances:
      return "inotify_instances";
    case ResourceUse::Resource::kInotifyWatches:
      return "inotify_watches";
    case ResourceUse::Resource::kPtys:
      return "ptys";
  }
  return "";
}

const char* Name(ResourceUse::Source source) {
  switch (source) {
    case ResourceUse::Source::kRlimit:
      return "rlimit";
    case ResourceUse::Source::kCgroup:
      return "cgroup";
    case ResourceUse::Source::kCgroupAncestor:
      return "cgroup_ancestor";
    case ResourceUse::Source::kCgroupHigh:
      return "cgroup_high";
    case ResourceUse::Source::kCgroupSwap:
      return "cgroup_swap";
    case ResourceUse::Source::kV8Heap:
      return "v8_heap";
    case ResourceUse::Source::kHost:
      return "host";
  }
  return "";
}

std::optional<ResourceUse::Scope> ScopeNamed(std::string_view name) { return Named(kScopes, name); }

std::optional<ResourceUse::Resource> ResourceNamed(std::string_view name) { return Named(kResources, name); }

}  // namespace agent_exporter::agents
