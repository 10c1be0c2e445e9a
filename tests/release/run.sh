#!/usr/bin/env bash
# Tries the .deb and the tarball of a release on machines that hold nothing: minimal Debians made by debootstrap, without a
# compiler. Installed by apt, started with the unit's command line, user and capabilities and as an ordinary user, upgraded,
# removed, purged. Takes minutes, so the test command leaves it out. Needs root and debootstrap.
#
#   tests/release/run.sh build/release-VERSION DIRECTORY [bookworm trixie]
#
# DIRECTORY keeps the machines. MIRROR: tests/machine.sh.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
source "$top/tests/machine.sh"
built=$(cd "${1:?the folder that deploy/release.sh made}" && pwd) machines=${2:?a directory for the machines}
shift 2
address=127.0.0.1:${PORT:-10958}
unit=$top/deploy/agent_exporter.service

# The unit's capabilities, as setpriv spells them: "-all,+sys_ptrace,...".
capabilities=-all$(sed -n 's/^CapabilityBoundingSet=//p' "$unit" | tr '[:upper:]' '[:lower:]' | sed 's/cap_/,+/g; s/ //g')
as_unit="setpriv --reuid=agent_exporter --regid=agent_exporter --clear-groups --no-new-privs --inh-caps=$capabilities \
  --ambient-caps=$capabilities --bounding-set=$capabilities env STATE_DIRECTORY=/var/lib/agent_exporter"

fail() {
  echo "release: $1" >&2
  exit 1
}

# serve AS FILE PROGRAM: runs it as that user until it answers, and leaves the metrics and the log in FILE.
serve() {
  inside "
    $1 $3 serve --web.listen-address=$address >$2.log 2>&1 &
    for _ in \$(seq 100); do
      { ($(scrape_command "$address" /metrics)) >$2; } 2>/dev/null && break
      kill -0 \$! || { cat $2.log; exit 1; }
      sleep 0.2
    done
    grep -q '^agent_exporter_build_info' $2"
}

# What is on the machine but for apt's and dpkg's own records.
files() {
  (cd "$machine" && find . -xdev \( -path ./srv -o -path ./proc -o -path ./sys -o -path ./var/lib/apt -o -path ./var/lib/dpkg \
    -o -path ./var/cache -o -path ./var/log -o -path ./tmp -o -path ./run -o -name '*-' -path './etc/*' \) -prune -o -print | sort)
}

releases=("$@")
((${#releases[@]} > 0)) || releases=(bookworm trixie)
for release in "${releases[@]}"; do
  echo "== $release"
  make_machine "$release" "$machines/$release"
  cp "$built"/agent-exporter_*.deb "$machine/srv/agent-exporter.deb"
  inside 'apt-get update -q >/dev/null && apt-get purge -yq agent-exporter >/dev/null 2>&1 || true'
  # shellcheck disable=SC2016  # expanded inside
  inside 'for package in libssl3 libssl3t64 libstdc++6 systemd-standalone-sysusers; do
      apt-get install -yq --no-install-recommends $package >/dev/null 2>&1 || true; done'
  files >"$machine/srv/before"

  start=$(date +%s)
  inside 'apt-get install -yq --no-install-recommends ./agent-exporter.deb >install.log 2>&1 || { cat install.log; exit 1; }'
  echo "installed by apt in $(($(date +%s) - start)) s"
  inside '! command -v g++ && agent_exporter --version && id agent_exporter'
  inside "install -d -o agent_exporter /var/lib/agent_exporter"

  started=$(sed -nE 's/^ExecStart=([^ ]+) serve .*/\1/p' "$machine/usr/lib/systemd/system/agent_exporter.service")
  serve "$as_unit" as_unit.txt "$started"
  grep 'agent_exporter_process_source_info{source="bpf"}' "$machine/srv/as_unit.txt" || fail "the unit's user has no BPF"
  [[ -e $machine/var/lib/agent_exporter/resource-ledger.db ]] || fail "the unit's user keeps no state"
  inside 'install -d -o nobody /srv/nobody'
  serve "setpriv --reuid=nobody --regid=nogroup --clear-groups env HOME=/srv/nobody" as_nobody.txt agent_exporter
  grep 'agent_exporter_process_source_info{source="procfs"}' "$machine/srv/as_nobody.txt" || fail "nobody sees nothing"
  inside 'setpriv --reuid=nobody --regid=nogroup --clear-groups env HOME=/srv/nobody agent_exporter doctor || true' | grep -m 1 CAP_BPF ||
    fail "nobody is not told what is missing"

  inside "echo '# mine' >>/etc/default/agent_exporter; dpkg --force-confold -i agent-exporter.deb >upgrade.log 2>&1 || { cat upgrade.log; exit 1; }"
  grep -q '# mine' "$machine/etc/default/agent_exporter" || fail "an upgrade lost the settings"
  inside 'apt-get remove -yq agent-exporter >/dev/null 2>&1'
  [[ -e $machine/etc/default/agent_exporter && -d $machine/var/lib/agent_exporter ]] || fail "removing lost settings or state"
  [[ ! -e $machine/usr/bin/agent_exporter ]] || fail "removing left the program"
  inside 'apt-get purge -yq agent-exporter >/dev/null 2>&1'
  files | diff "$machine/srv/before" - || fail "purging left something"
  ! grep -q agent_exporter "$machine/etc/passwd" || fail "purging left the user"

  tar -C "$machine/srv" -xzf "$built"/agent_exporter-*.tar.gz
  serve "" as_root.txt "$(basename "$built"/agent_exporter-*.tar.gz .tar.gz)/bin/agent_exporter"
  grep 'agent_exporter_process_source_info{source="bpf"}' "$machine/srv/as_root.txt" || fail "the tarball's program has no BPF"

  # As the image runs it: its own user without rights, or root with four of them (compose.yaml). Either writes the volume.
  rights=-all,+sys_ptrace,+dac_read_search,+bpf,+perfmon
  inside 'useradd --system --no-create-home agent_exporter'
  for as in "setpriv --reuid=agent_exporter --regid=agent_exporter --clear-groups --no-new-privs --bounding-set=-all" \
    "setpriv --no-new-privs --inh-caps=$rights --bounding-set=$rights"; do
    inside 'rm -rf /srv/state && install -d -o agent_exporter -g root -m 2770 /srv/state'
    serve "$as env STATE_DIRECTORY=/srv/state" as_image.txt "$(basename "$built"/agent_exporter-*.tar.gz .tar.gz)/bin/agent_exporter"
    grep 'agent_exporter_process_source_info' "$machine/srv/as_image.txt"
    [[ -e $machine/srv/state/resource-ledger.db ]] || fail "the image's user keeps no state"
  done
  inside 'userdel agent_exporter'
  echo "== $release: passed"
done
