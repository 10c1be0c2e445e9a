#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "tests/collectors/observation_builder.h"

namespace agent_exporter::collectors {
namespace {

using agents::Role;
using kernel::DescriptorKind;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

agents::ProcessSample Holding(pid_t pid, Role role, std::vector<DescriptorKind> kinds, bool whole = true) {
  kernel::OpenDescriptors open{.list = {}, .whole = whole};
  for (const DescriptorKind kind : kinds) open.list.push_back({.kind = kind});
  agents::ProcessSample process = MakeReadable(pid, role);
  process.descriptors = std::make_shared<const kernel::DescriptorKinds>(open);
  return process;
}

Samples Show(std::vector<agents::ProcessSample> processes) {
  agents::AgentSample agent = MakeAgent("codex", std::move(processes));
  agent.kind = "coder";
  return Collect("fd_kinds", MakeObservation({agent}));
}

TEST(FdKinds, AreSummedOverTheTreeBesideTheAgentsOwnKind) {
  EXPECT_THAT(
      Show({Holding(2, Role::kRoot, {DescriptorKind::kPipe, DescriptorKind::kSocketTcp}),
            Holding(7, Role::kDescendant, {DescriptorKind::kPipe}), MakeProcess(9, Role::kDescendant, 'Z')}),
      UnorderedElementsAre(
          Pair("agent_open_fds_by_kind{agent=\"codex\",kind=\"coder\",fd_kind=\"pipe\"}", 2),
          Pair("agent_open_fds_by_kind{agent=\"codex\",kind=\"coder\",fd_kind=\"socket_tcp\"}", 1)));
}

TEST(FdKinds, AreAbsentWhereNobodyLookedAtAll) {
  const agents::ProcessSample root = Holding(2, Role::kRoot, {DescriptorKind::kPipe});
  EXPECT_THAT(Show({root, MakeReadable(7, Role::kDescendant)}), IsEmpty());
  EXPECT_THAT(Show({root, Holding(7, Role::kDescendant, {DescriptorKind::kPipe}, false)}), IsEmpty());
  EXPECT_THAT(Show({}), IsEmpty());
}

}  // namespace
}  // namespace agent_exporter::collectors
