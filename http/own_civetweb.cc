// The civetweb of cmake/Portable.cmake links OpenSSL 3 and looks ten times a second whether it is to stop.

#include "http/civetweb_gaps.h"

namespace agent_exporter::http {

struct QuickStop::Impl {};

absl::Status PrepareTls() { return absl::OkStatus(); }
QuickStop::QuickStop(base::System&, const std::vector<int>&, bool) {}
QuickStop::~QuickStop() = default;

}  // namespace agent_exporter::http
