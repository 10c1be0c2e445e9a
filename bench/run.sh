#!/usr/bin/env bash
# Compares agent_exporter with its peers: installs them, builds the release preset, measures all figures side by side and
# prints a Markdown table. Exits with 1 if a figure misses its bar. Takes about 40 minutes, with --quick ten.
#
#   bench/run.sh [--quick] [--only FIGURE] [--scrapes N] [--repetitions N]     (--help lists all)
#   bench/run.sh kernel [--only FIGURE] [--rounds N]     measures BPF snapshots and events (root; about 12 minutes)
#   bench/run.sh sessions       what following 50 sessions with 10 MB transcripts costs (half a minute, 500 MB in /tmp)
#   bench/run.sh ledger         measures the ledger with a million rows (a minute)
set -euo pipefail
cd "$(dirname "$0")/.."
source deploy/step.sh

script=bench/peers.py targets=(agent_exporter formats_bench spawn_processes bare_scan)
if [[ ${1-} == kernel ]]; then
  shift
  script=bench/kernel_speed.py targets=(agent_exporter spawn_processes process_load snapshot_cpu)
fi
run=(/usr/bin/python3 -B "$script")
if [[ ${1-} == sessions ]]; then
  shift
  run=(build/release/bin/sessions_bench) targets=(sessions_bench)
elif [[ ${1-} == ledger ]]; then
  shift
  run=(build/release/bin/ledger_bench) targets=(ledger_bench)
fi

STEP_LOG=build/bench.log
mkdir -p build
: >"$STEP_LOG"
{
  if [[ -n $(deploy/packages.sh missing build bench) ]]; then
    step "Installing packages" deploy/packages.sh install build bench
  fi
  step "Configuring" cmake --preset release -DAGENT_EXPORTER_BUILD_TESTS=OFF -DAGENT_EXPORTER_BUILD_BENCH=ON
  step "Building" cmake --build build/release -j "$(build_jobs)" \
    --target "${targets[@]}"
} >&2
exec "${run[@]}" "$@"
