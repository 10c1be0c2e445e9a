#include "compat/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace agent_exporter::compat {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string Import(const std::string& text) {
  auto rules = GroupRules::FromYaml("process_names:\n" + text, "theirs.yml");
  EXPECT_TRUE(rules.ok()) << rules.status();
  return OurConfiguration(*rules, "theirs.yml");
}

TEST(Import, TranslatesConditionsAndFields) {
  const std::string ours =
      Import("- name: '{{.Comm}}-{{.Matches.Dir}}'\n  exe: [a, /b]\n  cmdline: ['-D (?P<Dir>\\S+)']\n");
  EXPECT_THAT(ours, HasSubstr(R"(name: "{comm}-{Dir}")"));
  EXPECT_THAT(ours, HasSubstr(R"(argv0: ["a", "/b"])"));
  EXPECT_THAT(ours, HasSubstr(R"x(cmdline: "-D (?P<Dir>\\S+)")x"));
  EXPECT_THAT(ours, Not(HasSubstr("# line")));
}

TEST(Import, SaysWhatItCannotTranslate) {
  EXPECT_THAT(Import("- cmdline: [a, b]\n"), HasSubstr("# line 2: one expression"));
  EXPECT_THAT(Import("- name: 'x{{.StartTime}}'\n  comm: [a]\n"),
              HasSubstr("# line 2: the name had .StartTime"));
}

}  // namespace
}  // namespace agent_exporter::compat
