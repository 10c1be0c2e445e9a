// Names of a limit's scope, resource and source, as used in label values, JSON keys and columns.
//
// Thread safety: pure functions.

#ifndef AGENT_EXPORTER_AGENTS_RESOURCE_NAMES_H_
#define AGENT_EXPORTER_AGENTS_RESOURCE_NAMES_H_

#include <array>
#include <optional>
#include <string_view>

#include "agents/observation.h"

namespace agent_exporter::agents {

inline constexpr std::array kScopes = {ResourceUse::Scope::kSelf, ResourceUse::Scope::kTree};
inline constexpr std::array kResources = {ResourceUse::Resource::kFds,
                                          ResourceUse::Resource::kMemory,
                                          ResourceUse::Resource::kPids,
                                          ResourceUse::Resource::kInotifyInstances,
                                          ResourceUse::Resource::kInotifyWatches,
                                          ResourceUse::Resource::kPtys};
inline constexpr std::array kSources = {
    ResourceUse::Source::kRlimit,     ResourceUse::Source::kCgroup,     ResourceUse::Source::kCgroupAncestor,
    ResourceUse::Source::kCgroupHigh, ResourceUse::Source::kCgroupSwap, ResourceUse::Source::kV8Heap,
    ResourceUse::Source::kHost};

const char* Name(ResourceUse::Scope scope);
const char* Name(ResourceUse::Resource resource);
const char* Name(ResourceUse::Source source);

// The reverse; empty for unknown words.
std::optional<ResourceUse::Scope> ScopeNamed(std::string_view name);
std::optional<ResourceUse::Resource> ResourceNamed(std::string_view name);

}  // namespace agent_exporter::agents

#endif  // AGENT_EXPORTER_AGENTS_RESOURCE_NAMES_H_
