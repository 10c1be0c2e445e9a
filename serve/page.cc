#include "serve/page.h"

#include <fmt/format.h>
#include <zlib.h>

#include <memory>
#include <string_view>
#include <utility>

#include "absl/strings/str_replace.h"
#include "base/build_info.h"
#include "formats/formats.h"
#include "web/web_files.h"

namespace agent_exporter::serve {
namespace {

constexpr char kPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

struct Asset {
  std::string content_type, filled_in, zipped, tag;
  std::string_view text;  // the embedded file, or filled_in
};

std::string Escape(std::string_view text) {
  return absl::StrReplaceAll(std::string(text),
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

const char* TypeOf(std::string_view name) {
  if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  if (name.ends_with(".md")) return "text/plain; charset=utf-8";  // browsers show it; text/markdown they save
  return "text/html; charset=utf-8";
}

// Checksum and length of the text, so the tag depends only on the content, not on the build.
std::string TagOf(std::string_view text) {
  const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(text.data()), text.size());
  return fmt::format("{:08x}-{:x}", crc, text.size());
}

http::HttpResponse Serve(const Asset& asset, const http::HttpRequest& request) {
  const bool zip = !asset.zipped.empty() && formats::AcceptsGzip(request.header("Accept-Encoding"));
  const std::string tag = fmt::format("\"{}{}\"", asset.tag, zip ? "-gz" : "");
  http::HttpResponse response{.content_type = asset.content_type};
  response.headers = {{"Cache-Control", "no-cache"},  // cached, but revalidated: 304 if unchanged
                      {"Content-Security-Policy", kPolicy},
                      {"ETag", tag},
                      {"Referrer-Policy", "no-referrer"},
                      {"Vary", "Accept-Encoding"}};
  const std::string known = request.header("If-None-Match");
  if (known == "*" || known.find(tag) != std::string::npos) {
    response.status = 304;
    return response;
  }
  response.body = zip ? std::string_view(asset.zipped) : asset.text;
  if (zip) response.headers["Content-Encoding"] = "gzip";
  return response;
}

}  // namespace

std::map<std::string, http::HttpHandler> PageRoutes(std::string_view telemetry_path) {
  std::map<std::string, http::HttpHandler> routes;
  for (const web::WebFile& file : web::WebFiles()) {
    auto asset = std::make_shared<Asset>();
    asset->content_type = TypeOf(file.name);
    asset->text = file.text;
    if (file.name == "index.html") {
      asset->filled_in = absl::StrReplaceAll(
          std::string(file.text),
          {{"{{telemetry_path}}", Escape(telemetry_path)}, {"{{version}}", Escape(base::VersionLine())}});
      asset->text = asset->filled_in;
    }
    asset->zipped = formats::Gzip(asset->text);
    asset->tag = TagOf(asset->text);
    const std::string path = file.name == "index.html" ? "/" : fmt::format("/{}", file.name);
    routes[path] = [asset](const http::HttpRequest& request) { return Serve(*asset, request); };
    if (path.ends_with(".md")) routes[path.substr(0, path.size() - 3)] = routes[path];
  }
  return routes;
}

}  // namespace agent_exporter::serve
