#include "http/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "tests/http/http_server_fixture.h"

namespace agent_exporter::http {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;

TEST_F(HttpServerTest, GetIsAnsweredWithTheseHeadersAndNoOthers) {
  EXPECT_EQ(Get(Start(), "/metrics"),
            "HTTP/1.1 200 OK\r\n"
            "Content-Type: text/plain; version=0.0.4\r\n"
            "X-Content-Type-Options: nosniff\r\n"
            "Connection: close\r\n"
            "Content-Length: 5\r\n"
            "Cache-Control: no-store\r\n"
            "\r\n"
            "up 1\n");
}

TEST_F(HttpServerTest, HeadIsGetWithoutTheBody) {
  const int port = Start();
  const std::string get = Get(port, "/metrics");
  EXPECT_EQ(Exchange(port, "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), get.substr(0, get.size() - 5));
  EXPECT_EQ(last_.method, "HEAD");
  EXPECT_THAT(Exchange(port, "HEAD /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 404 "), HasSubstr("Content-Length: 10\r\n"), EndsWith("\r\n\r\n")));
}

TEST_F(HttpServerTest, HandlersSeeTheDecodedRequest) {
  const int port = Start();
  Exchange(port,
           "GET /%6detrics?collect[]=a&collect%5b%5D=b+c%26 HTTP/1.1\r\nHost: x\r\naccept: "
           "text/plain;q=0.5\r\n\r\n");
  EXPECT_EQ(last_.method, "GET");
  EXPECT_EQ(last_.path, "/metrics");
  EXPECT_THAT(last_.query, ElementsAre(Pair("collect[]", "a"), Pair("collect[]", "b c&")));
  EXPECT_THAT(last_.QueryValues("collect[]"), ElementsAre("a", "b c&"));
  EXPECT_THAT(last_.QueryValues("collect"), IsEmpty());
  EXPECT_EQ(accept_, "text/plain;q=0.5");
  EXPECT_EQ(absent_, "");
}

TEST_F(HttpServerTest, RoutesMatchWholePathsOnly) {
  const int port = Start();
  for (const char* target : {"/", "/metric", "/metrics/", "/metrics/x", "/metricsx", "//metrics", "/METRICS",
                             "/x/../metrics", "/./metrics", "/%2e%2e/metrics", "/x/%2e%2e/metrics",
                             "/metrics%00", "/metrics%2f", "/metrics;x", "/../../../../etc/passwd"}) {
    EXPECT_THAT(Get(port, target), StartsWith("HTTP/1.1 404 ")) << target;
  }
  EXPECT_THAT(Get(port, "/metrics?"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Get(port, "/metrics%zz"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Get(port, "/metrics?a=%"), StartsWith("HTTP/1.1 400 "));
}

TEST_F(HttpServerTest, OtherMethodsAreRefusedWithAllow) {
  const int port = Start();
  for (const std::string method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH"}) {
    const std::string headers = " HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
    EXPECT_THAT(Exchange(port, method + " /metrics" + headers),
                AllOf(StartsWith("HTTP/1.1 405 "), HasSubstr("\r\nAllow: GET, HEAD\r\n")));
    EXPECT_THAT(Exchange(port, method + " /nowhere" + headers), StartsWith("HTTP/1.1 404 "));
  }
  EXPECT_EQ(last_.method, "");
}

TEST_F(HttpServerTest, ABodyIsRefusedAtOnce) {
  const int port = Start();
  // Nothing of the body is sent: a server that waited for it would not answer.
  for (const char* body : {"Content-Length: 60000\r\n", "Transfer-Encoding: chunked\r\n"}) {
    EXPECT_THAT(Exchange(port, std::string("GET /metrics HTTP/1.1\r\nHost: x\r\n") + body + "\r\n"),
                StartsWith("HTTP/1.1 413 "));
  }
  EXPECT_THAT(Exchange(port, "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n"),
              StartsWith("HTTP/1.1 405 "));
  EXPECT_EQ(last_.method, "");
}

TEST_F(HttpServerTest, AThrowingHandlerIsA500AndOneLogLine) {
  server_.AddRoute("/throws",
                   [](const HttpRequest&) -> HttpResponse { throw std::runtime_error("two\nlines"); });
  server_.AddRoute("/throws-int", [](const HttpRequest&) -> HttpResponse { throw 1; });
  const int port = Start();
  EXPECT_THAT(Get(port, "/throws"), AllOf(StartsWith("HTTP/1.1 500 "), Not(HasSubstr("lines"))));
  EXPECT_THAT(Get(port, "/throws-int"), StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(Get(port, "/metrics"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(log_,
              ElementsAre("the handler of /throws threw: two lines", "the handler of /throws-int threw"));
}

TEST_F(HttpServerTest, TheGuardIsAskedBeforeEveryRequest) {
  HttpOptions options = Options();
  options.guard = [](const HttpRequest& request) -> std::optional<HttpResponse> {
    if (request.header("X-Key") == "throw") throw std::runtime_error("no");
    if (request.header("X-Key") == "right") return std::nullopt;
    return HttpResponse{.status = 401, .body = "who are you?\n"};
  };
  HttpServer guarded(options);
  guarded.AddRoute("/x", [](const HttpRequest&) { return HttpResponse{.body = "x\n"}; });
  ASSERT_TRUE(guarded.Start().ok());
  const int port = guarded.ports().at(0);
  const auto ask = [port](const std::string& target, const std::string& header) {
    return Exchange(port, target + " HTTP/1.1\r\nHost: x\r\n" + header + "\r\n");
  };
  for (const char* target : {"GET /x", "HEAD /x", "GET /nothing", "POST /x"}) {
    EXPECT_THAT(ask(target, ""), StartsWith("HTTP/1.1 401 ")) << target;
  }
  EXPECT_THAT(ask("GET /x", "X-Key: right\r\n"), AllOf(StartsWith("HTTP/1.1 200 "), EndsWith("x\n")));
  EXPECT_THAT(ask("GET /nothing", "X-Key: right\r\n"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(ask("GET /x", "X-Key: throw\r\n"), StartsWith("HTTP/1.1 500 "));
}

TEST_F(HttpServerTest, HandlersHeadersAreSentOnOneLineEach) {
  server_.AddRoute("/page", [](const HttpRequest&) {
    HttpResponse response;
    response.status = 401;
    response.headers = {{"cache-control", "max-age=60"}, {"WWW-Authenticate", "Bearer\r\nEvil: 1"}};
    return response;
  });
  const std::string answer = Get(Start(), "/page");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 401 Unauthorized\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\ncache-control: max-age=60\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("no-store")));
  EXPECT_THAT(answer, Not(HasSubstr("\nEvil")));
}

TEST_F(HttpServerTest, ALargeBodyArrivesWhole) {
  std::string large;
  while (large.size() < 8'000'000) large += "agent_up{agent=\"" + std::to_string(large.size()) + "\"} 1\n";
  server_.AddRoute("/large", [&](const HttpRequest&) {
    HttpResponse response;
    response.body = large;
    return response;
  });
  EXPECT_TRUE(Body(Get(Start(), "/large")) == large);
}

TEST_F(HttpServerTest, AConnectionServesOneRequest) {
  const int port = Start();
  const std::string request = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n";
  EXPECT_EQ(Body(Exchange(port, request)), "up 1\n");
  EXPECT_EQ(Body(Exchange(port, request + request)), "up 1\n") << "pipelined";
  EXPECT_EQ(Body(Exchange(port, "GET /metrics HTTP/1.0\r\n\r\n")), "up 1\n");
}

TEST_F(HttpServerTest, ATargetWithAHostIsTakenAndItsHostCounts) {
  server_.AddRoute("/host", [](const HttpRequest& request) {
    HttpResponse response;
    response.body = request.header("host") + " " + request.QueryValues("a").at(0);
    return response;
  });
  const int port = Start();
  const std::string here = "127.0.0.1:" + std::to_string(port);
  EXPECT_EQ(Body(Get(port, "/host?a=1")), "x 1");
  EXPECT_EQ(Body(Get(port, "http://" + here + "/host?a=1")), here + " 1");
  EXPECT_THAT(Get(port, "http://" + here), StartsWith("HTTP/1.1 400 "));
}

TEST_F(HttpServerTest, MalformedRequestsAreRefused) {
  const int port = Start();
  EXPECT_THAT(Exchange(port, "GET /metrics HTTP/1.1\r\nX: " + std::string(20000, 'x') + "\r\n\r\n"),
              AnyOf(IsEmpty(), StartsWith("HTTP/1.1 400 "), StartsWith("HTTP/1.1 413 "),
                    StartsWith("HTTP/1.1 431 ")));
  for (const std::string_view garbage :
       {std::string_view("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 tls\r\n\r\n"),
        std::string_view("\r\n\r\n\r\n\r\n"), std::string_view("\0\0\0\0\r\n\r\n", 8),
        std::string_view("GET\r\n\r\n"), std::string_view("GET /metrics\r\n\r\n"),
        std::string_view("GET /metrics HTTP/9.9\r\n\r\n"), std::string_view("BREW /metrics HTTP/1.1\r\n\r\n"),
        std::string_view("GET * HTTP/1.1\r\n\r\n"), std::string_view("GET metrics HTTP/1.1\r\n\r\n"),
        std::string_view("GET http://elsewhere:1/metrics HTTP/1.1\r\n\r\n"),
        std::string_view("GET /metrics HTTP/1.1\r\nContent-Length: -1\r\n\r\n")}) {
    EXPECT_THAT(Exchange(port, garbage), Not(HasSubstr("up 1"))) << garbage;
  }
  EXPECT_THAT(Get(port, "*"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Get(port, "http://elsewhere:1/metrics"), StartsWith("HTTP/1.1 400 "));
  EXPECT_EQ(Body(Get(port, "/metrics")), "up 1\n");
}

}  // namespace
}  // namespace agent_exporter::http
