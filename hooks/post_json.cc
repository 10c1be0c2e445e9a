#include "hooks/post_json.h"

#include <curl/curl.h>
#include <poll.h>

#include <memory>

#include "absl/strings/str_cat.h"

namespace agent_exporter::hooks {
namespace {

size_t Discard(char*, size_t size, size_t count, void*) { return size * count; }

// Called about once a second, more often while data moves.
int EndIfCancelled(void* cancel_fd, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  struct pollfd readable = {.fd = *static_cast<const int*>(cancel_fd), .events = POLLIN, .revents = 0};
  return ::poll(&readable, 1, 0) > 0 ? 1 : 0;
}

}  // namespace

absl::Status PostJson(const std::string& url, const std::string& body, std::chrono::milliseconds time_limit,
                      int cancel_fd) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), &curl_easy_cleanup);
  if (initialised != CURLE_OK || curl == nullptr) return absl::UnavailableError("libcurl does not start");
  struct curl_slist* list = curl_slist_append(nullptr, "Content-Type: application/json");
  // Without this curl asks before a longer body is sent and waits a second for servers that do not answer.
  list = curl_slist_append(list, "Expect:");
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(list, &curl_slist_free_all);

  CURL* handle = curl.get();
  curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "agent_exporter");
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(time_limit.count()));
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);  // threads
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &Discard);
  curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, &EndIfCancelled);
  curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &cancel_fd);

  const CURLcode result = curl_easy_perform(handle);
  if (result == CURLE_OPERATION_TIMEDOUT) {
    return absl::DeadlineExceededError(absl::StrCat("no answer within ", time_limit.count(), " ms"));
  }
  if (result == CURLE_ABORTED_BY_CALLBACK) return absl::CancelledError("ended early");
  if (result != CURLE_OK) return absl::UnavailableError(curl_easy_strerror(result));
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  if (status >= 200 && status < 300) return absl::OkStatus();
  return absl::UnknownError(absl::StrCat("HTTP status ", status));
}

}  // namespace agent_exporter::hooks
