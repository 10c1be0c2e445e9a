#include "ledger/ledger_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/collectors/observation_builder.h"

namespace agent_exporter::ledger {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(LedgerMetricsTest, TellsHowTheLedgerFares) {
  LedgerStats stats;
  stats.open = true;
  stats.writes = 7;
  stats.errors = {{"full", 2}, {"locked", 1}};
  stats.set_aside = 1;
  stats.last_write = 1234.5;
  stats.file_bytes = 4096;
  stats.events = {{{"codex", "529"}, 3}, {{"codex", "trip"}, 1}};
  EXPECT_THAT(collectors::SamplesOf(LedgerFamilies(stats, true)),
              ElementsAre(Pair("agent_exporter_ledger_errors_total{reason=\"damaged\"}", 0),
                          Pair("agent_exporter_ledger_errors_total{reason=\"full\"}", 2),
                          Pair("agent_exporter_ledger_errors_total{reason=\"locked\"}", 1),
                          Pair("agent_exporter_ledger_errors_total{reason=\"other\"}", 0),
                          Pair("agent_exporter_ledger_errors_total{reason=\"refused\"}", 0),
                          Pair("agent_exporter_ledger_file_bytes", 4096),
                          Pair("agent_exporter_ledger_last_write_timestamp_seconds", 1234.5),
                          Pair("agent_exporter_ledger_set_aside_total", 1),
                          Pair("agent_exporter_ledger_up", 1), Pair("agent_exporter_ledger_writes_total", 7),
                          Pair("agent_rate_limit_events_total{agent=\"codex\",kind=\"529\"}", 3),
                          Pair("agent_rate_limit_events_total{agent=\"codex\",kind=\"trip\"}", 1)));
  EXPECT_THAT(collectors::SamplesOf(LedgerFamilies(stats, false)),
              ElementsAre(Pair("agent_rate_limit_events_total{agent=\"codex\",kind=\"529\"}", 3),
                          Pair("agent_rate_limit_events_total{agent=\"codex\",kind=\"trip\"}", 1)));
}

TEST(LedgerMetricsTest, WhatIsNotKnownIsAbsent) {
  const collectors::Samples samples = collectors::SamplesOf(LedgerFamilies({}, true));
  EXPECT_EQ(samples.count("agent_exporter_ledger_last_write_timestamp_seconds"), 0u);
  EXPECT_EQ(samples.count("agent_exporter_ledger_file_bytes"), 0u);
  EXPECT_EQ(samples.at("agent_exporter_ledger_up"), 0);
  EXPECT_THAT(collectors::SamplesOf(LedgerFamilies({}, false)), IsEmpty());
}

}  // namespace
}  // namespace agent_exporter::ledger
