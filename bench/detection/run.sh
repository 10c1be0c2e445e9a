#!/usr/bin/env bash
# The detection lab: runs labelled traces of leaking and of healthy agents through the exporter's own judge and scores what the
# shipped alert rules make of its verdicts, with confidence intervals.
#
#   bench/detection/run.sh [--seed N] [--look SECONDS] [--keep DIRECTORY]   about 930 leaking agents and 1,350 healthy
#                                                                           agent-weeks; some minutes, 500 MB in DIRECTORY
#   bench/detection/run.sh --small LEAK_REPLAY                              a small part of that with its own bars, for CTest
#
# Development used the seeds up to 1000, and --small uses 7; the figures in docs/detection.md are from the default, looked at
# once. Needs deploy/packages.sh build test. Prints Markdown tables; exits with 1 if a figure misses its bar.
set -euo pipefail
cd "$(dirname "$0")/../.."

seed=2001 look=5 keep='' small=''
while (($# > 0)); do
  case $1 in
    --seed) seed=${2:?--seed needs a number}; shift 2 ;;
    --look) look=${2:?--look needs a number}; shift 2 ;;
    --keep) keep=${2:?--keep needs a directory}; shift 2 ;;
    --small) small=${2:?--small needs the path of leak_replay}; shift 2 ;;
    *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' bench/detection/run.sh; exit 2 ;;
  esac
done

directory=$keep
if [[ -z $directory ]]; then
  directory=$(mktemp -d)
  trap 'rm -rf "$directory"' EXIT
fi
python=(/usr/bin/python3 -B)

if [[ -n $small ]]; then
  "${python[@]}" bench/detection/generate.py --seed 7 --leaks 3 --benign 3 --ambiguous 1 "$directory"
  "$small" "$directory" --look 15
  "${python[@]}" bench/detection/score.py "$directory" --check small
  exit
fi

source deploy/step.sh
STEP_LOG=build/detection.log
mkdir -p build
: >"$STEP_LOG"
{
  step "Configuring" cmake --preset release -DAGENT_EXPORTER_BUILD_TESTS=OFF -DAGENT_EXPORTER_BUILD_BENCH=ON
  step "Building" cmake --build build/release -j "$(build_jobs)" --target leak_replay
  step "Making traces" "${python[@]}" bench/detection/generate.py --seed "$seed" --leaks 36 --benign 54 --ambiguous 30 "$directory"
  step "Replaying them" build/release/bin/leak_replay "$directory" --look "$look"
} >&2
for scrape in 15 60 0; do
  echo "## Scraped every $scrape s"
  "${python[@]}" bench/detection/score.py "$directory" --scrape "$scrape"
done
"${python[@]}" bench/detection/score.py "$directory" --check >/dev/null
