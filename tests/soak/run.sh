#!/usr/bin/env bash
# The long tests, which take minutes each and are no part of ctest: tests/soak/run.sh [BUILD] [NAME…]. They print what they
# measured; a figure that misses its bar fails. Run as root, alone on the machine: figures of time are part of them.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
build=$(realpath "${1:-build/dev}")
shift $(($# > 0))
export AGENT_EXPORTER=$build/bin/agent_exporter TREE_ROOT=$build/bin/tree_root PYTHONPATH=tests/e2e PYTHONDONTWRITEBYTECODE=1
failed=0
for test in "${@:-frozen churn restarts hardship leaks}"; do
  for name in $test; do
    echo "== $name"
    timeout 1200 /usr/bin/python3 "tests/soak/$name.py" 2>&1 || failed=1
  done
done
exit $failed
