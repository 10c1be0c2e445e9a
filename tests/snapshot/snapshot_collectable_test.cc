#include "snapshot/snapshot_collectable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/collectors/observation_builder.h"

namespace agent_exporter::snapshot {
namespace {

using testing::Pair;
using testing::UnorderedElementsAre;

TEST(SnapshotFamilies, Everything) {
  SnapshotFigures figures{.tmux_sessions = 2, .screen_sessions = 0, .probe_failures = 4};
  figures.agents["claude"] = {
      .diff_fields = 3,
      .timestamp = 1700000000,
      .failures = 1,
      .sidecars = {{.name = "proxy", .alive = true}, {.name = "flusher", .is_thread = true}}};
  EXPECT_THAT(
      collectors::SamplesOf(SnapshotFamilies(figures)),
      UnorderedElementsAre(Pair("agent_snapshot_diff_fields{agent=\"claude\"}", 3),
                           Pair("agent_snapshot_timestamp_seconds{agent=\"claude\"}", 1700000000),
                           Pair("agent_snapshot_failures_total{agent=\"claude\"}", 1),
                           Pair("agent_sidecar_up{agent=\"claude\",name=\"proxy\",kind=\"process\"}", 1),
                           Pair("agent_sidecar_up{agent=\"claude\",name=\"flusher\",kind=\"thread\"}", 0),
                           Pair("agent_host_tmux_sessions", 2), Pair("agent_host_screen_sessions", 0),
                           Pair("agent_exporter_snapshot_probe_failures_total", 4)));
}

TEST(SnapshotFamilies, WhatIsNotKnownIsAbsent) {
  SnapshotFigures figures;
  figures.agents["claude"] = {.failures = 2};
  EXPECT_THAT(collectors::SamplesOf(SnapshotFamilies(figures)),
              UnorderedElementsAre(Pair("agent_snapshot_failures_total{agent=\"claude\"}", 2),
                                   Pair("agent_exporter_snapshot_probe_failures_total", 0)));
}

}  // namespace
}  // namespace agent_exporter::snapshot
