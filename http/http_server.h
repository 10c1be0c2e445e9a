// The HTTP server: civetweb with limits on threads, time and header size. No other code knows about civetweb.
//
// A route matches a whole path (plain civetweb matches prefixes, so /metrics/x would reach /metrics). Only
// GET and HEAD are allowed; other methods get 405 with Allow. HEAD runs the GET handler and sends its headers
// and length without the body. An unknown path gets 404. A target that is no path ("*", "http://...") gets
// 400. Bodies are never read: GET and HEAD with one get 413. If a handler throws, the client gets 500 and the
// log one line.
//
// A whole request, with the TLS handshake, must arrive within five seconds and an answer be read within ten;
// while nearly all threads are taken, slow clients lose their connection sooner (http/front_door.h).
//
// Each connection serves one request and is then closed. In civetweb an idle connection holds a thread, so
// each Prometheus server would hold one forever.
//
// Thread safety: up to `max_threads` handlers run at once, each on its own thread, and so does the guard.
// Call AddRoute only before Start. Errors: Start returns FailedPrecondition with one line, such as "cannot
// listen on …: address already in use".

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
  std::function<std::string(std::string_view)> header;     // value by name, case-insensitive; "" if absent;
                                                           // valid only while the handler runs

  // All values of one query parameter, in order: collect[]=a&collect[]=b.
  std::vector<std::string> QueryValues(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::shared_ptr<const std::string> shared_body = nullptr;  // if set, sent in place of `body`, uncopied
  std::map<std::string, std::string> headers = {};           // besides Content-Type and Content-Length
};

using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;
// Returns a response to send instead of running the handler, or nothing to let the request through.
using HttpGuard = std::function<std::optional<HttpResponse>(const HttpRequest&)>;

struct HttpOptions {
  // ":10058", "127.0.0.1:10058", "[::1]:10058", "localhost:10058"; port 0 means any free port.
  std::vector<std::string> listen;
  // Sockets that listen already, such as systemd's, in place of `listen`. The caller owns them; they go on
  // listening when the server stops.
  std::vector<int> sockets;
  int max_threads = 64;  // each connection holds one thread in civetweb
  int request_timeout_ms = 2000;
  int max_header_bytes = 8192;
  // If set, all addresses serve TLS with this context; otherwise plain HTTP.
  std::shared_ptr<TlsContext> tls;
  // Sent with each answer that has no such header of its own.
  std::map<std::string, std::string> headers;
  // Called before every request, whatever its path and method. Unset: all requests pass.
  HttpGuard guard;
  // Called from any thread with one line when a handler throws or civetweb reports something. Unset: stderr.
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
  // Refuses new connections, disconnects clients that are still sending or reading, and waits for running
  // handlers, whose responses are lost. Takes a fraction of a second plus the time of those handlers. Do not
  // call it from a handler.
  void Stop();
  // The ports in use, in the order of options.listen or options.sockets. Empty before Start.
  std::vector<int> ports() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace agent_exporter::http

#endif  // AGENT_EXPORTER_HTTP_HTTP_SERVER_H_
