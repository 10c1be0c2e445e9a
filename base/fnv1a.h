// FNV-1a, 64 bits: checksums and fingerprints that are the same in every run, so files can store them. Not
// secure against forgery.
//
// Thread safety: a pure function.

#ifndef AGENT_EXPORTER_BASE_FNV1A_H_
#define AGENT_EXPORTER_BASE_FNV1A_H_

#include <cstdint>
#include <string_view>

namespace agent_exporter::base {

// `hash`: the hash of the preceding bytes, to hash a text in parts.
constexpr uint64_t Fnv1a(std::string_view bytes, uint64_t hash = 14695981039346656037u) {
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211u;
  return hash;
}

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_FNV1A_H_
