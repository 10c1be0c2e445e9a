// Compresses an answer for who accepts that.
//
// Thread safety: a free function without state.

#ifndef AGENT_EXPORTER_EXPORTER_GZIP_RESPONSE_H_
#define AGENT_EXPORTER_EXPORTER_GZIP_RESPONSE_H_

#include "exporter/http_server.h"

namespace agent_exporter {

// Gzips the body where the request's Accept-Encoding allows it, and adds that header to Vary.
void GzipIfAccepted(const HttpRequest& request, HttpResponse* response);

}  // namespace agent_exporter

#endif  // AGENT_EXPORTER_EXPORTER_GZIP_RESPONSE_H_
