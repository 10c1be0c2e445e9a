// FNV-1a, 64 bits: a checksum and a fingerprint that stay the same from run to run, so that they can be kept
// in files. Not for what somebody may forge.
//
// Thread safety: a pure function.

#ifndef AGENT_EXPORTER_BASE_FNV1A_H_
#define AGENT_EXPORTER_BASE_FNV1A_H_

#include <cstdint>
#include <string_view>

namespace agent_exporter::base {

// `hash`: that of the bytes before, where text comes in parts.
constexpr uint64_t Fnv1a(std::string_view bytes, uint64_t hash = 14695981039346656037u) {
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211u;
  return hash;
}

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_FNV1A_H_
