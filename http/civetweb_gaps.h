// What Debian's build of civetweb lacks: debian_civetweb.cc makes up for it. The portable program has a
// civetweb of its own that needs none of this (own_civetweb.cc).

#ifndef AGENT_EXPORTER_HTTP_CIVETWEB_GAPS_H_
#define AGENT_EXPORTER_HTTP_CIVETWEB_GAPS_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "base/system.h"

namespace agent_exporter::http {

// Enables TLS in civetweb, once per process. Call it before civetweb's TLS is initialised. Unavailable says
// why there is no TLS.
absl::Status PrepareTls();

// While it lives, mg_stop() ends soon for a server on these ports, whatever its clients do. `shared`: others
// listen with the same sockets, which must go on listening.
class QuickStop {
 public:
  QuickStop(base::System& system, const std::vector<int>& ports, bool shared);
  ~QuickStop();
  QuickStop(const QuickStop&) = delete;
  QuickStop& operator=(const QuickStop&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace agent_exporter::http

#endif  // AGENT_EXPORTER_HTTP_CIVETWEB_GAPS_H_
