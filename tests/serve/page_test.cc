#include "serve/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/build_info.h"
#include "exporter/options.h"

namespace agent_exporter::serve {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

http::HttpResponse Get(const std::string& path, std::map<std::string, std::string> headers = {},
                       std::string_view telemetry_path = "/metrics") {
  http::HttpRequest request;
  request.header = [&headers](std::string_view name) { return headers[std::string(name)]; };
  return PageRoutes(telemetry_path).at(path)(request);
}

TEST(Page, LinksTheMetricsAndNamesTheVersion) {
  const http::HttpResponse page = Get("/");
  EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
  EXPECT_THAT(page.body, AllOf(StartsWith("<!doctype html>"), HasSubstr("<a href=\"/metrics\">"),
                               HasSubstr("/-/healthy"), HasSubstr("/-/ready"),
                               HasSubstr(base::GetBuildInfo().version), Not(HasSubstr("{{"))));
}

TEST(Page, EscapesTheTelemetryPath) {
  EXPECT_THAT(Get("/", {}, "/\"><script>&").body,
              AllOf(Not(HasSubstr("<script>&")), HasSubstr("href=\"/&quot;&gt;&lt;script&gt;&amp;\"")));
}

TEST(Page, NothingInlineAndNothingFromElsewhere) {
  for (const auto& [path, handler] : PageRoutes("/metrics")) {
    const http::HttpResponse file = Get(path);
    EXPECT_EQ(file.status, 200) << path;
    EXPECT_FALSE(file.body.empty()) << path;
    const std::string policy = file.headers.at("Content-Security-Policy");
    EXPECT_THAT(policy, AllOf(StartsWith("default-src 'none'"), HasSubstr("script-src 'self';"),
                              HasSubstr("style-src 'self';"), HasSubstr("connect-src 'self';"),
                              Not(HasSubstr("unsafe"))))
        << path;
  }
  const std::string html = Get("/").body;
  EXPECT_THAT(html, AllOf(Not(HasSubstr("<script>")), Not(HasSubstr("<style")), Not(HasSubstr(" style=")),
                          Not(HasSubstr(" onclick=")), Not(HasSubstr("src=\"http"))));
}

TEST(Page, ServesEveryFileOfThePage) {
  const auto routes = PageRoutes("/metrics");
  for (const char* path : {"/", "/page.css", "/page.js", "/chart.js"})
    EXPECT_EQ(routes.count(path), 1u) << path;
  EXPECT_THAT(Get("/chart.js").body, HasSubstr("Chart.js v"));
  EXPECT_EQ(Get("/page.js").content_type, "text/javascript; charset=utf-8");
  EXPECT_EQ(Get("/page.css").content_type, "text/css; charset=utf-8");
}

TEST(Page, ServesTheRunbooksWithAndWithoutTheirExtension) {
  const http::HttpResponse runbook = Get("/runbooks/AgentFdLeakFast");
  EXPECT_EQ(runbook.content_type, "text/plain; charset=utf-8");
  EXPECT_THAT(runbook.body, AllOf(StartsWith("# AgentFdLeakFast\n"), HasSubstr("## Mitigation")));
  EXPECT_EQ(Get("/runbooks/AgentFdLeakFast.md").body, runbook.body);
}

TEST(Page, AnUnchangedFileIs304) {
  const std::string tag = Get("/page.js").headers.at("ETag");
  const http::HttpResponse again = Get("/page.js", {{"If-None-Match", "\"other\", " + tag}});
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(again.body, "");
  EXPECT_EQ(again.headers.at("ETag"), tag);
  EXPECT_EQ(Get("/page.js", {{"If-None-Match", "\"other\""}}).status, 200);
  EXPECT_NE(Get("/page.css").headers.at("ETag"), tag);
  EXPECT_NE(Get("/", {}, "/a").headers.at("ETag"), Get("/", {}, "/b").headers.at("ETag"));
}

TEST(Page, GzipsForClientsThatAcceptIt) {
  const http::HttpResponse plain = Get("/chart.js");
  const http::HttpResponse zipped = Get("/chart.js", {{"Accept-Encoding", "gzip"}});
  EXPECT_EQ(zipped.headers.at("Content-Encoding"), "gzip");
  EXPECT_EQ(plain.headers.count("Content-Encoding"), 0u);
  EXPECT_LT(zipped.body.size() * 2, plain.body.size());
  EXPECT_NE(zipped.headers.at("ETag"), plain.headers.at("ETag")) << "another representation";
  EXPECT_EQ(zipped.headers.at("Vary"), "Accept-Encoding");
}

}  // namespace
}  // namespace agent_exporter::serve
