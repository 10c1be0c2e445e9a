// Formats figures for people.
//
// Thread safety: pure functions.

#ifndef AGENT_EXPORTER_BASE_UNITS_H_
#define AGENT_EXPORTER_BASE_UNITS_H_

#include <cstdint>
#include <string>

namespace agent_exporter::base {

// "952 B", "3.7 GiB", "12 MiB".
std::string Bytes(double bytes);
// "1,024".
std::string Count(uint64_t count);
// The two largest units: "9s", "3m 5s", "2h 10m", "4d 3h".
std::string Duration(double seconds);

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_UNITS_H_
