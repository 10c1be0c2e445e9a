#include "http/http_server.h"

#include <civetweb.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <exception>
#include <mutex>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/deadline_runner.h"
#include "http/civetweb_gaps.h"
#include "http/front_door.h"
#include "http/listen_address.h"
#include "http/listening_socket.h"
#include "http/url_decode.h"

namespace agent_exporter::http {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// A slow client gets this many request timeouts to read a whole response.
constexpr int kSendTimeouts = 5;
constexpr std::size_t kSendPiece = 64 * 1024;
constexpr rlim_t kMaxSweptFd = 65536;

// Replaces control characters, so that a client can split neither log lines nor headers.
std::string OneLine(std::string_view text) {
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); },
      ' ');
  return line;
}

// Of a target like http://host/path, which a server must take as well (RFC 9112 section 3.2.2): "host".
std::string_view AuthorityOf(std::string_view target) {
  const std::size_t scheme = target.find("://");
  if (scheme == std::string_view::npos || target[0] == '/') return "";
  target.remove_prefix(scheme + 3);
  return target.substr(0, target.find('/'));
}

HttpResponse PlainError(int status, std::string_view text) {
  HttpResponse response;
  response.status = status;
  response.body = std::string(text).append("\n");
  return response;
}

std::string_view BodyOf(const HttpResponse& response) {
  return response.shared_body == nullptr ? response.body : *response.shared_body;
}

std::string RenderHead(mg_connection* connection, const HttpResponse& response,
                       const std::map<std::string, std::string>& more) {
  std::string text =
      absl::StrCat("HTTP/1.1 ", response.status, " ", mg_get_response_code_text(connection, response.status),
                   "\r\nContent-Type: ", OneLine(response.content_type),
                   "\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n");
  // A 304 must have the length of the full response or none (RFC 9110 section 8.6).
  if (response.status != 304) absl::StrAppend(&text, "Content-Length: ", BodyOf(response).size(), "\r\n");
  const auto less = [](const std::string& a, const std::string& b) {
    return mg_strcasecmp(a.c_str(), b.c_str()) < 0;
  };
  std::map<std::string, std::string, decltype(less)> headers(response.headers.begin(), response.headers.end(),
                                                             less);
  headers.insert(more.begin(), more.end());
  headers.emplace("Cache-Control", "no-store");
  for (const auto& [name, value] : headers)
    absl::StrAppend(&text, OneLine(name), ": ", OneLine(value), "\r\n");
  text.append("\r\n");
  return text;
}

// civetweb drops a client that reads nothing for one request timeout. The deadline is for a client that reads
// a few bytes now and then, which could otherwise hold the thread forever.
bool Send(mg_connection* connection, std::string_view text, Clock::time_point deadline) {
  while (!text.empty() && Clock::now() < deadline) {
    const std::size_t piece = std::min(text.size(), kSendPiece);
    if (mg_write(connection, text.data(), piece) != static_cast<int>(piece)) return false;
    text.remove_prefix(piece);
  }
  return text.empty();
}

// Connections held at once, by civetweb's threads, in its queue and by the front door. They get no more than
// the descriptors that are free now, less a reserve for the program's own files.
struct Connections {
  int handled = 0, queued = 0, waiting = 0;
};
Connections ConnectionsWithin(int max_threads) {
  constexpr int kQueue = 20;  // civetweb's default
  constexpr int kWaiting = 1024;
  constexpr int kReserve = 12;
  const int most = 2 * (max_threads + kQueue) + kWaiting;  // the door and civetweb have one each
  rlimit limit = {};
  int all = most;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    int free = 0;
    for (int fd = 0; fd < static_cast<int>(std::min(limit.rlim_cur, kMaxSweptFd)) && free < most + kReserve;
         ++fd) {
      if (fcntl(fd, F_GETFD) < 0) ++free;
    }
    all = std::min(all, free - kReserve);
  }
  const int waiting = std::clamp(all / 2, 1, kWaiting);
  const int held = (all - waiting) / 2;
  const int queued = std::clamp(held / 4, 1, kQueue);
  return {std::clamp(held - queued, 1, max_threads), queued,
          std::clamp(all - 2 * (max_threads + kQueue), waiting, kWaiting)};
}

}  // namespace

std::vector<std::string> HttpRequest::QueryValues(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : query) {
    if (key == name) values.push_back(value);
  }
  return values;
}

struct HttpServer::Impl {
  explicit Impl(HttpOptions given) : options(std::move(given)) {}

  HttpOptions options;
  std::map<std::string, HttpHandler> routes;
  mg_context* context = nullptr;
  std::vector<int> ports;
  base::RunnerPool runners{*options.system};
  std::unique_ptr<FrontDoor> door;
  Connections connections;
  std::mutex log_mutex;
  std::string start_log;  // civetweb's last message while it started
  Clock::time_point last_civetweb_line;
  std::atomic<bool> started = false;

  void Log(std::string_view line) const {
    if (options.log) {
      options.log(line);
    } else {
      std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
    }
  }

  HttpResponse Answer(mg_connection* connection, const mg_request_info& info);
  absl::Status StartCivetweb(std::size_t listeners);
  void OpenFrontDoor(std::vector<base::Descriptor> listeners);
  void Respond(mg_connection* connection, const HttpResponse& response, bool with_body) const {
    const Clock::time_point deadline =
        Clock::now() + std::chrono::milliseconds(options.request_timeout_ms) * kSendTimeouts;
    const std::string_view body = with_body ? BodyOf(response) : std::string_view();
    std::string head = RenderHead(connection, response, options.headers);
    // A small answer goes out in one packet; a large one is not copied.
    const std::size_t joined = head.size() + body.size() <= kSendPiece ? body.size() : 0;
    head.append(body.substr(0, joined));
    if (Send(connection, head, deadline)) Send(connection, body.substr(joined), deadline);
    mg_disable_connection_keep_alive(connection);
    mg_set_user_connection_data(connection, const_cast<Impl*>(this));  // answered
  }

  // Callbacks from civetweb. They must not throw through its C frames.
  static int BeginRequest(mg_connection* connection) noexcept;
  static void ConnectionClose(const mg_connection* connection) noexcept;
  static int HttpError(mg_connection* connection, int status, const char* message) noexcept;
  static int LogMessage(const mg_connection* connection, const char* message) noexcept;
  static int GiveTlsContext(void** context, void* self) noexcept;
};

HttpResponse HttpServer::Impl::Answer(mg_connection* connection, const mg_request_info& info) {
  HttpRequest request;
  request.method = info.request_method;
  const std::string_view target = info.request_uri == nullptr ? "" : info.request_uri;
  const std::string authority(AuthorityOf(target));
  if (info.local_uri_raw == nullptr || (authority.empty() && !target.starts_with('/'))) {
    return PlainError(400, "the request target must be a path");
  }
  // The raw target, because civetweb resolves dots in local_uri: /x/../metrics would become /metrics.
  absl::StatusOr<std::string> path = DecodePath(info.local_uri_raw);
  absl::StatusOr<std::vector<std::pair<std::string, std::string>>> query =
      DecodeQuery(info.query_string == nullptr ? "" : info.query_string);
  if (!path.ok() || !query.ok()) return PlainError(400, "malformed percent-encoding");
  request.path = *std::move(path);
  request.query = *std::move(query);
  request.header = [connection, authority](std::string_view name) {
    if (!authority.empty() && mg_strcasecmp(std::string(name).c_str(), "Host") == 0) return authority;
    const char* value = mg_get_header(connection, std::string(name).c_str());
    return std::string(value == nullptr ? "" : value);
  };

  try {
    if (options.guard) {
      if (std::optional<HttpResponse> refused = options.guard(request)) return *std::move(refused);
    }
  } catch (...) {
    Log("the guard threw");
    return PlainError(500, "internal error");
  }
  const auto route = routes.find(request.path);
  if (route == routes.end()) return PlainError(404, "not found");
  if (request.method != "GET" && request.method != "HEAD") {
    HttpResponse response = PlainError(405, "method not allowed");
    response.headers["Allow"] = "GET, HEAD";
    return response;
  }
  if (info.content_length > 0 || !request.header("Transfer-Encoding").empty()) {
    return PlainError(413, "requests have no body here");
  }
  try {
    return route->second(request);
  } catch (const std::exception& error) {
    Log(absl::StrCat("the handler of ", route->first, " threw: ", OneLine(error.what())));
  } catch (...) {
    Log(absl::StrCat("the handler of ", route->first, " threw"));
  }
  return PlainError(500, "internal error");
}

int HttpServer::Impl::BeginRequest(mg_connection* connection) noexcept {
  const mg_request_info* info = mg_get_request_info(connection);
  auto* self = static_cast<Impl*>(info->user_data);
  try {
    self->door->Arrived(info->remote_addr, info->remote_port);
    // A few threads run the handlers; civetweb's many threads only move bytes.
    HttpResponse response;
    std::exception_ptr failure;
    base::RunnerPool::Lease(self->runners)->Run([&]() noexcept {
      try {
        response = self->Answer(connection, *info);
      } catch (...) {
        failure = std::current_exception();
      }
    });
    if (failure != nullptr) std::rethrow_exception(failure);
    self->Respond(connection, response, std::string_view(info->request_method) != "HEAD");
  } catch (...) {  // out of memory: close the connection without a response
    mg_disable_connection_keep_alive(connection);
  }
  return 1;  // handled
}

void HttpServer::Impl::ConnectionClose(const mg_connection* connection) noexcept {
  const mg_request_info* info = mg_get_request_info(connection);
  if (info == nullptr) return;  // no handshake
  const auto* self = static_cast<const Impl*>(mg_get_user_data(mg_get_context(connection)));
  // civetweb says nothing to "*" and to targets with another host or port. (After a failed handshake the
  // target is an old one's.)
  if (info->is_ssl == 0 && info->request_uri != nullptr && mg_get_user_connection_data(connection) == nullptr)
    HttpError(const_cast<mg_connection*>(connection), 400, "the request target must be a path");
  self->door->Closed(info->remote_addr, info->remote_port);
}

int HttpServer::Impl::HttpError(mg_connection* connection, int status, const char* message) noexcept {
  const auto* self = static_cast<const Impl*>(mg_get_user_data(mg_get_context(connection)));
  try {
    self->Respond(connection, PlainError(status, OneLine(message)), true);
  } catch (...) {
    mg_disable_connection_keep_alive(connection);
  }
  return 0;  // handled
}

int HttpServer::Impl::LogMessage(const mg_connection* connection, const char* message) noexcept {
  auto* self = static_cast<Impl*>(mg_get_user_data(mg_get_context(connection)));
  if (self == nullptr) return 1;
  try {
    const std::lock_guard<std::mutex> lock(self->log_mutex);
    if (!self->started) {
      self->start_log = OneLine(message);
      return 1;
    }
    // At most one line a second: a failing accept is retried in a busy loop.
    const Clock::time_point now = Clock::now();
    if (now - self->last_civetweb_line < 1s) return 1;
    self->last_civetweb_line = now;
    self->Log(absl::StrCat("http: ", OneLine(message)));
  } catch (...) {  // lose this log line
  }
  return 1;  // civetweb must not write it itself
}

// civetweb calls this at the start for the context, and at the end to ask who frees it: we do.
int HttpServer::Impl::GiveTlsContext(void** context, void* self) noexcept {
  *context = static_cast<const Impl*>(self)->options.tls->get();
  return 1;
}

// civetweb can neither take sockets that listen already nor connections. So it listens on ports of 127.0.0.1
// for a moment, and its sockets are then replaced.
absl::Status HttpServer::Impl::StartCivetweb(std::size_t listeners) {
  const std::string listening_ports = absl::StrJoin(
      std::vector<std::string>(listeners, options.tls == nullptr ? "127.0.0.1:0" : "127.0.0.1:0s"), ",");
  connections = ConnectionsWithin(options.max_threads);
  const std::string num_threads = absl::StrCat(connections.handled);
  const std::string queue = absl::StrCat(connections.queued);
  const std::string timeout = absl::StrCat(options.request_timeout_ms);
  const std::string header_bytes = absl::StrCat(options.max_header_bytes);
  // Never set document_root: without it civetweb serves no files. We do not check the host name in an
  // absolute target.
  const char* settings[] = {"listening_ports",
                            listening_ports.c_str(),
                            "num_threads",
                            num_threads.c_str(),
                            "connection_queue",
                            queue.c_str(),
                            "request_timeout_ms",
                            timeout.c_str(),
                            "max_request_size",
                            header_bytes.c_str(),
                            "enable_keep_alive",
                            "no",
                            "decode_url",
                            "no",
                            "enable_auth_domain_check",
                            "no",
                            "tcp_nodelay",
                            "1",
                            nullptr};
  mg_callbacks callbacks = {};
  callbacks.begin_request = &BeginRequest;
  callbacks.connection_close = &ConnectionClose;
  callbacks.http_error = &HttpError;
  callbacks.log_message = &LogMessage;
  if (options.tls != nullptr) callbacks.external_ssl_ctx = &GiveTlsContext;
  context = mg_start(&callbacks, this, settings);
  if (context != nullptr) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("cannot start the HTTP server: ", start_log));
}

void HttpServer::Impl::OpenFrontDoor(std::vector<base::Descriptor> listeners) {
  std::vector<mg_server_port> civetweb_ports(listeners.size());
  const int count =
      mg_get_server_ports(context, static_cast<int>(civetweb_ports.size()), civetweb_ports.data());
  std::vector<int> civetweb;
  std::vector<base::Descriptor> replaced;
  for (int i = 0; i < count; ++i) {
    for (const int fd : ListenersOn(civetweb_ports[static_cast<std::size_t>(i)].port)) {
      if (std::any_of(listeners.begin(), listeners.end(), [&](const auto& one) { return one.get() == fd; }))
        continue;
      civetweb.push_back(fd);
      replaced.emplace_back(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    }
  }
  const absl::Status opened = door->Start(listeners, civetweb,
                                          {.threads = connections.handled,
                                           .waiting = connections.waiting,
                                           .max_header_bytes = options.max_header_bytes,
                                           .tls = options.tls != nullptr});
  if (!opened.ok()) Log(absl::StrCat("slow HTTP clients may hold up others: ", opened.message()));
  // civetweb is waiting for a connection to these.
  for (const base::Descriptor& socket : replaced) shutdown(socket.get(), SHUT_RDWR);
}

HttpServer::HttpServer(HttpOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

HttpServer::~HttpServer() { Stop(); }

void HttpServer::AddRoute(std::string path, HttpHandler handler) {
  impl_->routes[std::move(path)] = std::move(handler);
}

absl::Status HttpServer::Start() {
  if (impl_->context != nullptr) return absl::FailedPreconditionError("the HTTP server is already running");
  if (impl_->options.sockets.empty() && impl_->options.listen.empty())
    return absl::InvalidArgumentError("no address to listen on");
  // Once per process and never undone: another server may still be running.
  static const unsigned features = mg_init_library(MG_FEATURES_DEFAULT);
  static_cast<void>(features);
  if (impl_->options.tls != nullptr) {
    if (absl::Status status = PrepareTls(); !status.ok()) return status;
    static const bool has_tls = (mg_init_library(MG_FEATURES_TLS) & MG_FEATURES_TLS) != 0;
    if (!has_tls) return absl::UnavailableError("civetweb cannot load OpenSSL 3, so it cannot serve TLS");
  }
  std::vector<base::Descriptor> listeners;
  for (const int socket : impl_->options.sockets) listeners.emplace_back(fcntl(socket, F_DUPFD_CLOEXEC, 0));
  if (listeners.empty()) {
    std::vector<ListenAddress> addresses;
    for (const std::string& text : impl_->options.listen) {
      absl::StatusOr<ListenAddress> address =
          ParseListenAddress(text, mg_check_feature(MG_FEATURES_IPV6) != 0);
      if (!address.ok()) return address.status();
      addresses.push_back(*std::move(address));
    }
    auto own = ListenOn(addresses);
    if (!own.ok()) return own.status();
    listeners = *std::move(own);
  }
  std::vector<int> ports;
  for (const base::Descriptor& listener : listeners) {
    const absl::StatusOr<int> port = LocalPort(listener.get());
    if (!port.ok()) return port.status();
    ports.push_back(*port);
  }
  impl_->door = std::make_unique<FrontDoor>(*impl_->options.system);
  if (absl::Status status = impl_->StartCivetweb(listeners.size()); !status.ok()) return status;
  impl_->started = true;
  impl_->ports = std::move(ports);
  impl_->OpenFrontDoor(std::move(listeners));
  return absl::OkStatus();
}

void HttpServer::Stop() {
  if (impl_->context == nullptr) return;
  impl_->door->Close();
  {
    const QuickStop quick_stop(*impl_->options.system, impl_->ports, !impl_->options.sockets.empty());
    mg_stop(impl_->context);
  }
  impl_->door.reset();
  impl_->context = nullptr;
  impl_->started = false;
  impl_->ports.clear();
}

std::vector<int> HttpServer::ports() const { return impl_->ports; }

}  // namespace agent_exporter::http
