#include "exporter/landing_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/options.h"

namespace agent_exporter {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(LandingPage, LinksTheMetricsAndNamesTheVersion) {
  EXPECT_THAT(LandingPage("/metrics"),
              AllOf(testing::StartsWith("<!doctype html>"), HasSubstr("<a href=\"/metrics\">"),
                    HasSubstr("/-/healthy"), HasSubstr("/-/ready"), HasSubstr(GetBuildInfo().version)));
}

TEST(LandingPage, EscapesThePath) {
  EXPECT_THAT(LandingPage("/\"><script>&"),
              AllOf(Not(HasSubstr("<script>")), HasSubstr("href=\"/&quot;&gt;&lt;script&gt;&amp;\"")));
}

}  // namespace
}  // namespace agent_exporter
