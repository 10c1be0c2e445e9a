#!/usr/bin/env bash
# Tries the README's commands on a machine that holds nothing: a minimal Debian made by debootstrap, in its own mount
# namespace. Takes minutes, so the test command leaves it out. Needs root and debootstrap.
#
#   tests/fresh_machine.sh [--worktree] [--tests] bookworm|trixie DIRECTORY
#
#   --worktree   takes the files as they are, not the last commit
#   --tests      runs tests/run.sh there as well
#   MIRROR, NODE_EXTRA_CA_CERTS  environment: tests/machine.sh
#
# DIRECTORY is made if need be and kept: remove it for a machine that is fresh again.
set -euo pipefail
source_tree=$(cd "$(dirname "$0")/.." && pwd)
source "$source_tree/tests/machine.sh"

worktree=false
tests=false
while [[ ${1:-} == --* ]]; do
  case $1 in
    --worktree) worktree=true ;;
    --tests) tests=true ;;
    *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit 2 ;;
  esac
  shift
done
release=${1:?bookworm or trixie} machine=${2:?a directory for the machine}
address=127.0.0.1:${PORT:-10958}

make_machine "$release" "$machine"
rm -rf "$machine/srv/agent_exporter"
if $worktree; then
  mkdir "$machine/srv/agent_exporter"
  (cd "$source_tree" && git ls-files -z --cached --others --exclude-standard |
    tar --null --ignore-failed-read -T - -c) | tar -x -C "$machine/srv/agent_exporter"
else
  git clone -q "$source_tree" "$machine/srv/agent_exporter"
fi

fail() {
  echo "fresh_machine: $1" >&2
  exit 1
}

# Without curl: the machine is to hold nothing that the README does not name.
scrape=$(scrape_command "$address" /metrics)

echo "== $release: first run of deploy/quickstart.sh"
inside 'cd agent_exporter; deploy/quickstart.sh --no-start'

echo "== second run, which must install nothing, and a scrape"
inside "
  cd agent_exporter
  deploy/quickstart.sh --web.listen-address=$address >start.log 2>&1 &
  for _ in \$(seq 300); do
    { ($scrape) >scrape.txt; } 2>/dev/null && break
    kill -0 \$! || { cat start.log; exit 1; }
    sleep 0.2
  done
  cat start.log"
if grep -q Installing "$machine/srv/agent_exporter/start.log"; then
  fail "the second run installed packages"
fi
grep '^agent_exporter_build_info' "$machine/srv/agent_exporter/scrape.txt" || fail "no metrics at $address"
grep 'agent_exporter_process_source_info{source="bpf"}' "$machine/srv/agent_exporter/scrape.txt" || fail "not by BPF"

if $tests; then
  echo "== tests/run.sh"
  inside 'cd agent_exporter; tests/run.sh'
  if [[ -e $machine/usr/sbin/policy-rc.d ]]; then
    fail "the set-up left its policy-rc.d behind"
  fi
  if compgen -G "$machine/etc/systemd/system/*/prometheus*.service" >/dev/null; then
    fail "the set-up left Prometheus enabled"
  fi
fi
echo "== $release: passed"
