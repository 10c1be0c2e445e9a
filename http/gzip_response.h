// Compresses responses for clients that accept it.
//
// Thread safety: a free function without state.

#ifndef AGENT_EXPORTER_HTTP_GZIP_RESPONSE_H_
#define AGENT_EXPORTER_HTTP_GZIP_RESPONSE_H_

#include "http/http_server.h"

namespace agent_exporter::http {

// Gzips the body if the request's Accept-Encoding allows it. Always adds Accept-Encoding to Vary.
void GzipIfAccepted(const HttpRequest& request, HttpResponse* response);

}  // namespace agent_exporter::http

#endif  // AGENT_EXPORTER_HTTP_GZIP_RESPONSE_H_
