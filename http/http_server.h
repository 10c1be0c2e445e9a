// The HTTP edge: civetweb with bounded threads, time and header size. Nothing above this header knows
// civetweb.
//
// Routes match whole paths (civetweb alone matches prefixes: /metrics/x would reach /metrics). GET and HEAD
// only, unless a route says otherwise: anything else is 405 with Allow. HEAD runs the GET handler and sends
// its headers with the length, without the body. Unknown paths are 404. A handler that throws is a 500 with
// one log line.
//
// Every connection serves one request and is closed: in civetweb an idle connection holds a thread, and a
// Prometheus that comes every 15 s would hold one for good.
//
// Thread safety: up to `max_threads` handlers are called at once, each on a thread of its own for as long as
// it runs; the guard too. AddRoute before Start only. Errors: Start returns FailedPrecondition "cannot listen
// on …: address already in use" and the like: one clear line.

#ifndef AGENT_EXPORTER_HTTP_HTTP_SERVER_H_
#define AGENT_EXPORTER_HTTP_HTTP_SERVER_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/system.h"
#include "http/tls.h"

namespace agent_exporter::http {

struct HttpRequest {
  std::string method;
  std::string path;                                        // decoded, without the query
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order, repeated names kept
  std::function<std::string(std::string_view)> header;     // value by name, case-insensitive; "" when absent;
                                                           // only while the handler runs

  // All values of one query parameter, in order: collect[]=a&collect[]=b.
  std::vector<std::string> QueryValues(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::map<std::string, std::string> headers;  // besides Content-Type and Content-Length
};

using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;
// What to answer instead of what was asked for; empty: nothing, go on.
using HttpGuard = std::function<std::optional<HttpResponse>(const HttpRequest&)>;

struct HttpOptions {
  // ":10058", "127.0.0.1:10058", "[::1]:10058", "localhost:10058"; port 0 takes a free one.
  std::vector<std::string> listen;
  int max_threads = 64;  // one connection holds one thread in civetweb
  int request_timeout_ms = 2000;
  int max_header_bytes = 8192;
  // All addresses serve TLS with this context, or plain HTTP without one.
  std::shared_ptr<TlsContext> tls;
  // Asked before every request, whatever its path and method. Unset: all go on.
  HttpGuard guard;
  // Told of handlers that threw and of what civetweb itself reports, one line each, from any thread. Unset:
  // stderr.
  std::function<void(std::string_view)> log;
  base::System* system = &base::System::Real();
};

class HttpServer {
 public:
  explicit HttpServer(HttpOptions options);
  ~HttpServer();  // stops
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  void AddRoute(std::string path, HttpHandler handler);
  absl::Status Start();
  // Refuses new connections, cuts off clients that are still sending or reading, and waits for running
  // handlers, whose answers are lost: a fraction of a second besides those. Not from a handler.
  void Stop();
  // The ports really taken, in the order of options.listen. Empty before Start.
  std::vector<int> ports() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace agent_exporter::http

#endif  // AGENT_EXPORTER_HTTP_HTTP_SERVER_H_
