#include "agents/resource_names.h"

namespace agent_exporter::agents {

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
    case ResourceUse::Source::kHost:
      return "host";
  }
  return "";
}

}  // namespace agent_exporter::agents
