#include "serve/metrics_handler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <atomic>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/collectors/observation_builder.h"
#include "tests/serve/fake_collectable.h"

namespace agent_exporter::serve {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

http::HttpRequest Request(std::map<std::string, std::string> headers = {},
                          std::vector<std::pair<std::string, std::string>> query = {}) {
  return {.method = "GET",
          .path = "/metrics",
          .query = std::move(query),
          .header = [headers = std::move(headers)](std::string_view name) {
            const auto found = headers.find(std::string(name));
            return found == headers.end() ? "" : found->second;
          }};
}

std::string Gunzip(const std::string& packed) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, MAX_WBITS + 16), Z_OK);
  std::string plain(1 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(plain.data());
  stream.avail_out = static_cast<uInt>(plain.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  plain.resize(stream.total_out);
  inflateEnd(&stream);
  return plain;
}

class MetricsHandlerTest : public testing::Test {
 protected:
  MetricsHandlerTest() {
    registry_.Register("a", FakeCollectable([] { return OneGauge("a_value"); }));
  }
  Registry registry_{[] { return std::make_shared<agents::Observation>(collectors::MakeObservation()); },
                     milliseconds(60'000)};
};

TEST_F(MetricsHandlerTest, TextUnlessOpenMetricsIsRequested) {
  MetricsHandler handler({}, registry_);
  const http::HttpResponse text = handler.Handle(Request());
  EXPECT_EQ(text.status, 200);
  EXPECT_EQ(text.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(text.body, AllOf(HasSubstr("\na_value 1\n"), Not(HasSubstr("# EOF"))));
  const http::HttpResponse open =
      handler.Handle(Request({{"Accept", "application/openmetrics-text;version=1.0.0"}}));
  EXPECT_EQ(open.content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
  EXPECT_THAT(open.body, testing::EndsWith("# EOF\n"));
  EXPECT_EQ(open.headers.at("Vary"), "Accept, Accept-Encoding");
}

TEST_F(MetricsHandlerTest, GzipsForClientsThatAcceptIt) {
  MetricsHandler handler({}, registry_);
  const http::HttpResponse packed = handler.Handle(Request({{"Accept-Encoding", "gzip"}}));
  EXPECT_EQ(packed.headers.at("Content-Encoding"), "gzip");
  EXPECT_THAT(Gunzip(packed.body), HasSubstr("\na_value 1\n"));
  const http::HttpResponse plain = handler.Handle(Request({{"Accept-Encoding", "gzip;q=0"}}));
  EXPECT_EQ(plain.headers.count("Content-Encoding"), 0u);
  EXPECT_THAT(plain.body, HasSubstr("\na_value 1\n"));
}

TEST_F(MetricsHandlerTest, CollectAndExcludeComeFromTheQuery) {
  registry_.Register("b", FakeCollectable([] { return OneGauge("b_value"); }));
  MetricsHandler handler({}, registry_);
  EXPECT_THAT(handler.Handle(Request({}, {{"collect[]", "b"}})).body,
              AllOf(HasSubstr("\nb_value 1\n"), Not(HasSubstr("a_value"))));
  EXPECT_THAT(handler.Handle(Request({}, {{"exclude[]", "b"}})).body,
              AllOf(HasSubstr("\na_value 1\n"), Not(HasSubstr("b_value"))));
}

TEST_F(MetricsHandlerTest, ScrapesAtTheSameTimeShareOneAnswer) {
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  std::atomic<int> collected = 0;
  registry_.Register("large", FakeCollectable([&collected, released] {
                       ++collected;
                       released.wait();
                       collectors::Family family = collectors::Family::Gauge("large", "A large one.");
                       for (int i = 0; i < 1000; ++i) family.Add({{"number", std::to_string(i)}}, 1.0);
                       return collectors::Collected(family);
                     }));
  MetricsHandler handler({}, registry_);
  std::vector<std::future<http::HttpResponse>> answers;
  for (int i = 0; i < 3; ++i) {
    answers.push_back(std::async(std::launch::async, [&] { return handler.Handle(Request()); }));
  }
  const http::HttpRequest other_format = Request({{"Accept", "application/openmetrics-text"}});
  auto other = std::async(std::launch::async, [&] { return handler.Handle(other_format); });
  while (handler.shared() < 2) std::this_thread::yield();
  release.set_value();
  const http::HttpResponse first = answers[0].get();
  ASSERT_NE(first.shared_body, nullptr);
  EXPECT_EQ(answers[1].get().shared_body, first.shared_body);
  EXPECT_EQ(answers[2].get().shared_body, first.shared_body);
  EXPECT_NE(other.get().shared_body, first.shared_body);
  EXPECT_EQ(collected, 2);
  EXPECT_NE(handler.Handle(Request()).shared_body, first.shared_body) << "an old answer is no answer";
}

TEST_F(MetricsHandlerTest, AnUnknownCollectorIsABadRequest) {
  MetricsHandler handler({}, registry_);
  const http::HttpResponse response = handler.Handle(Request({}, {{"collect[]", "x"}}));
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(response.body, HasSubstr("no collector \"x\""));
}

TEST_F(MetricsHandlerTest, RefusesRequestsOverTheLimit) {
  std::promise<void> started, open;
  registry_.Register("slow", FakeCollectable([&started, gate = open.get_future().share()] {
                       started.set_value();
                       gate.wait();
                       return collectors::Families{};
                     }));
  MetricsHandler handler({.max_requests = 1}, registry_);
  auto first = std::async(std::launch::async, [&] { return handler.Handle(Request()); });
  started.get_future().wait();
  const http::HttpResponse second = handler.Handle(Request({}, {{"collect[]", "a"}}));
  EXPECT_EQ(second.status, 503);
  EXPECT_THAT(second.body, HasSubstr("--web.max-requests"));
  open.set_value();
  EXPECT_EQ(first.get().status, 200);
  EXPECT_EQ(handler.Handle(Request({}, {{"collect[]", "a"}})).status, 200) << "the slot is free again";
}

TEST_F(MetricsHandlerTest, WithoutALimitNoneIsRefused) {
  MetricsHandler handler({.max_requests = 0}, registry_);
  EXPECT_EQ(handler.Handle(Request()).status, 200);
}

TEST_F(MetricsHandlerTest, TheExportersOwnMetricsCountThisScrape) {
  MetricsHandler handler({}, registry_);
  handler.Handle(Request({{"Accept", "application/openmetrics-text;version=1.0.0"}}));
  EXPECT_THAT(handler.Handle(Request()).body,
              AllOf(HasSubstr("agent_exporter_scrapes_total{format=\"text\"} 1\n"),
                    HasSubstr("agent_exporter_scrapes_total{format=\"openmetrics\"} 1\n"),
                    HasSubstr("agent_exporter_build_info{version="),
                    HasSubstr("agent_exporter_config_last_reload_successful 1\n")));
  handler.SetReloadSuccessful(false);
  EXPECT_THAT(handler.Handle(Request()).body, HasSubstr("agent_exporter_config_last_reload_successful 0\n"));
}

TEST_F(MetricsHandlerTest, TheExportersOwnMetricsCanBeDisabled) {
  MetricsHandler handler({.exporter_metrics = false}, registry_);
  EXPECT_THAT(handler.Handle(Request()).body,
              AllOf(Not(HasSubstr("agent_exporter_build_info")), HasSubstr("\na_value 1\n")));
}

TEST_F(MetricsHandlerTest, LeavesOutOnlyTheIllegalFamily) {
  registry_.Register("illegal", FakeCollectable([] { return OneGauge("not a name"); }));
  MetricsHandler handler({}, registry_);
  const http::HttpResponse response = handler.Handle(Request());
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.body, AllOf(HasSubstr("\na_value 1\n"), Not(HasSubstr("not a name"))));
}

}  // namespace
}  // namespace agent_exporter::serve
