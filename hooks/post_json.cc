#include "hooks/post_json.h"

#include <memory>
#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "hooks/http_url.h"
#include "hooks/stream.h"

namespace agent_exporter::hooks {
namespace {

constexpr size_t kMostHeaderBytes = 64 * 1024;

absl::StatusOr<std::unique_ptr<Stream>> Open(const HttpUrl& url, const Patience& patience) {
  auto stream = Connect(url.host, url.port, patience);
  if (!stream.ok() || !url.tls) return stream;
  return StartTls(*std::move(stream), url.host);
}

std::string Header(const HttpUrl& url, size_t body_size) {
  std::string header = absl::StrCat("POST ", url.target, " HTTP/1.1\r\nHost: ", url.authority,
                                    "\r\nUser-Agent: agent_exporter\r\nAccept: */*\r\nConnection: close\r\n"
                                    "Content-Type: application/json\r\nContent-Length: ",
                                    body_size, "\r\n");
  if (!url.user.empty())
    absl::StrAppend(&header, "Authorization: Basic ", absl::Base64Escape(url.user), "\r\n");
  return absl::StrCat(header, "\r\n");
}

// "HTTP/1.1 204 No Content" -> 204; -1 if it is no such line.
int StatusOf(std::string_view line) {
  const size_t space = line.find(' ');
  int status = -1;
  if (!line.starts_with("HTTP/") || space == std::string_view::npos) return -1;
  const std::string_view number = line.substr(space + 1, 3);
  return absl::SimpleAtoi({number.data(), number.size()}, &status) && status >= 100 ? status : -1;
}

// The status of the answer. Interim answers (1xx) are skipped; headers and body are not read.
absl::StatusOr<int> ReadStatus(Stream& stream) {
  std::string text;
  while (text.size() < kMostHeaderBytes) {
    const size_t line = text.find("\r\n");
    const size_t end = text.find("\r\n\r\n");
    const int status = line == std::string::npos ? 0 : StatusOf({text.data(), line});
    if (status < 0) return absl::UnavailableError("the answer is not HTTP");
    if (status >= 200) return status;
    if (status != 0 && end != std::string::npos) {
      text.erase(0, end + 4);
      continue;
    }
    char piece[4096];
    auto got = stream.Receive(piece, sizeof piece);
    if (!got.ok()) return got.status();
    if (*got == 0) return absl::UnavailableError("the server closed the connection without an answer");
    text.append(piece, *got);
  }
  return absl::UnavailableError("the answer's header is too long");
}

absl::StatusOr<int> Post(const HttpUrl& url, const std::string& body, const Patience& patience) {
  auto stream = Open(url, patience);
  if (!stream.ok()) return stream.status();
  absl::Status sent = (*stream)->Send(Header(url, body.size()));
  if (sent.ok()) sent = (*stream)->Send(body);
  if (!sent.ok() && !absl::IsUnavailable(sent)) return sent;
  // A server may answer, and close, before it has read everything.
  auto status = ReadStatus(**stream);
  if (!status.ok() && !sent.ok()) return sent;
  return status;
}

}  // namespace

absl::Status PostJson(const std::string& url, const std::string& body, std::chrono::milliseconds time_limit,
                      int cancel_fd) {
  auto parts = ParseHttpUrl(url);
  if (!parts.ok()) return absl::UnavailableError(parts.status().message());
  auto status = Post(*parts, body, {std::chrono::steady_clock::now() + time_limit, cancel_fd});
  if (absl::IsDeadlineExceeded(status.status())) {
    return absl::DeadlineExceededError(absl::StrCat("no answer within ", time_limit.count(), " ms"));
  }
  if (!status.ok()) return status.status();
  if (*status >= 200 && *status < 300) return absl::OkStatus();
  return absl::UnknownError(absl::StrCat("HTTP status ", *status));
}

}  // namespace agent_exporter::hooks
