// Fuzz target: the texts of a request that anybody who reaches the port may send.

#include <string>
#include <string_view>

#include "formats/formats.h"
#include "fuzz/targets.h"
#include "http/bearer_token.h"
#include "http/front_door.h"
#include "http/host_check.h"
#include "http/url_decode.h"

namespace agent_exporter::fuzz {

void FuzzHttpRequest(std::string_view data) {
  static const http::HostCheck hosts({"web1"}, {});
  (void)http::HeadHasArrived(data, true);
  // What has arrived does not go away.
  for (size_t size = 0; size < data.size() && size < 64; ++size) {
    Require(!http::HeadHasArrived(data.substr(0, size), false) || http::HeadHasArrived(data, false),
            "a head that was there has gone");
  }
  if (const auto path = http::DecodePath(data); path.ok())
    Require(path->size() <= data.size(), "a longer path");
  if (const auto query = http::DecodeQuery(data); query.ok()) {
    size_t bytes = 0;
    for (const auto& [name, value] : *query) bytes += name.size() + value.size();
    Require(bytes <= data.size(), "a longer query");
  }
  (void)formats::NegotiateFormat(data);
  (void)formats::AcceptsGzip(data);
  (void)http::TokenInHeader(std::string(data));
  (void)hosts.IsOwn(data);
}

}  // namespace agent_exporter::fuzz
