#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "exporter/commands.h"
#include "tests/kernel/fake_tree.h"

namespace agent_exporter::exporter {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class CheckConfigTest : public testing::Test {
 protected:
  int Check(const std::string& text) {
    tree_.Write("agents.yaml", text);
    Options options;
    options.check_file = tree_.root() + "/agents.yaml";
    return RunCheckConfig(options, out_, err_);
  }
  kernel::FakeTree tree_;
  std::ostringstream out_, err_;
};

TEST_F(CheckConfigTest, AGoodFileIsCounted) {
  EXPECT_EQ(Check("builtin_profiles: false\nagents: [{match: {comm: codex}}]\n"), 0);
  EXPECT_THAT(out_.str(), testing::EndsWith("agents.yaml: OK, 1 rule of your own and 0 built-in\n"));
  EXPECT_EQ(err_.str(), "");
}

TEST_F(CheckConfigTest, ABadOneIsExitCodeTwoAndOneLine) {
  EXPECT_EQ(Check("max_agents: 3\nagnets: []\n"), 2);
  EXPECT_EQ(out_.str(), "");
  EXPECT_THAT(err_.str(), AllOf(testing::StartsWith("agent_exporter: "), HasSubstr("agents.yaml:2:"),
                                HasSubstr("did you mean agents?"), testing::EndsWith("?\n")));
}

TEST_F(CheckConfigTest, EveryErrorHasItsLine) {
  EXPECT_EQ(Check("max_agents: none\n"
                  "agents:\n"
                  "  - name: a\n"
                  "    match: {com: a, exee: b}\n"
                  "  - name: b\n"
                  "    match: {comm: b}\n"
                  "    scope: self\n"
                  "    kin: x\n"
                  "  - name: '{c'\n"
                  "    match: {comm: c}\n"
                  "  - match: {cmdline: '(', comm: d}\n"
                  "sample_interval: soon\n"
                  "ledger: {enabled: maybe, path: here}\n"
                  "meta: [{agent: a, source: nowhere}, {source: none}]\n"
                  "snapshot:\n"
                  "  interval: 1\n"
                  "  agents: [{name: a, colour: x}]\n"
                  "  hooks: {on_diff: [{url: ftp://x}]}\n"
                  "agnets: []\n"),
            2);
  EXPECT_EQ(out_.str(), "");
  std::vector<std::string> lines;
  std::istringstream told(err_.str());
  for (std::string line; std::getline(told, line);) {
    const size_t start = line.find("agents.yaml:") + 12;
    EXPECT_THAT(line, testing::StartsWith("agent_exporter: "));
    lines.push_back(line.substr(start, line.find(':', start) - start));
  }
  EXPECT_THAT(lines, testing::ElementsAre("1", "4", "4", "7", "8", "9", "11", "12", "13", "13", "14", "14",
                                          "16", "17", "18", "19"))
      << err_.str();
}

TEST_F(CheckConfigTest, AWebConfigurationIsKnownByItsKeys) {
  EXPECT_EQ(Check("basic_auth_users: {ann: $2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy}\n"),
            0);
  EXPECT_THAT(out_.str(), testing::EndsWith("agents.yaml: OK, a web configuration, without TLS, 1 user\n"));
  EXPECT_EQ(Check("tls_server_config: {cert_file: a, kee_file: b, min_version: SSL3}\n"
                  "basic_auth_users:\n"
                  "  ann: secret\n"
                  "  'b:c': x\n"
                  "http_servers: {}\n"),
            2);
  EXPECT_THAT(err_.str(),
              AllOf(HasSubstr("agents.yaml:1: unknown key \"kee_file\""), HasSubstr(":1: min_version must"),
                    HasSubstr(":3: the password of user \"ann\""), HasSubstr(":4: user \"b:c\" has a colon"),
                    HasSubstr(":5: unknown key \"http_servers\"")));
}

TEST_F(CheckConfigTest, AMissingOneIsExitCodeOne) {
  Options options;
  options.check_file = tree_.root() + "/missing.yaml";
  EXPECT_EQ(RunCheckConfig(options, out_, err_), 1);
  EXPECT_THAT(err_.str(), HasSubstr("missing.yaml"));
}

}  // namespace
}  // namespace agent_exporter::exporter
