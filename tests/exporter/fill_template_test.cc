#include "exporter/fill_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace agent_exporter::exporter {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const nlohmann::ordered_json kValues = {
    {"Traits", {{"agent", "codex"}, {"agent_self", {{"rss_bytes", 7000}, {"uptime_secs", 1.5}}}}}};

std::string Filled(std::string_view text) {
  const auto filled = FillTemplate(text, kValues);
  EXPECT_TRUE(filled.ok()) << filled.status();
  return filled.value_or("");
}

std::string Refused(std::string_view text) {
  const auto filled = FillTemplate(text, kValues);
  EXPECT_TRUE(absl::IsInvalidArgument(filled.status())) << filled.status();
  return std::string(filled.status().message());
}

TEST(FillTemplate, PutsValuesInTheirPlaces) {
  EXPECT_EQ(
      Filled(
          "a {{ .Traits.agent_self.rss_bytes }} b\n{{.Traits.agent}}{{\t.Traits.agent_self.uptime_secs }}"),
      "a 7000 b\ncodex1.5");
  EXPECT_EQ(Filled("no { braces }} here\n"), "no { braces }} here\n");
  EXPECT_EQ(Filled(""), "");
}

TEST(FillTemplate, AnUnknownPathIsAnErrorWithItsLine) {
  EXPECT_THAT(Refused("x\n\n{{ .Traits.agent_self.rss }}\n"),
              AllOf(HasSubstr("3: "), HasSubstr(".Traits.agent_self.rss\"")));
  EXPECT_THAT(Refused("{{ .Traits.agent.x }}"), HasSubstr("1: "));
  EXPECT_THAT(Refused("{{ .Traits.agent_self }}"), HasSubstr("no single value"));
}

TEST(FillTemplate, WhatIsNoPathIsAnError) {
  EXPECT_THAT(Refused("a\n{{ Traits.agent }}"), HasSubstr("2: {{Traits.agent}} is no path"));
  EXPECT_THAT(Refused("{{}}"), HasSubstr("is no path"));
  EXPECT_THAT(Refused("{{ . }}"), HasSubstr("is no path"));
  EXPECT_THAT(Refused("a\nb {{ .Traits.agent }\n"), HasSubstr("2: {{ is never closed"));
}

}  // namespace
}  // namespace agent_exporter::exporter
