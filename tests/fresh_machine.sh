#!/usr/bin/env bash
# Tries the README's commands on a machine that holds nothing: a minimal Debian made by debootstrap, in its own mount
# namespace. Takes minutes, so the test command leaves it out. Needs root and debootstrap.
#
#   tests/fresh_machine.sh [--worktree] [--tests] bookworm|trixie DIRECTORY
#
#   --worktree   takes the files as they are, not the last commit
#   --tests      runs tests/run.sh there as well
#   MIRROR       environment: the Debian mirror, else debootstrap's own
#   NODE_EXTRA_CA_CERTS  environment: certificates that npm needs in this network, taken along
#
# DIRECTORY is made if need be and kept: remove it for a machine that is fresh again.
set -euo pipefail
source_tree=$(cd "$(dirname "$0")/.." && pwd)

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

if [[ ! -e $machine/etc/debian_version ]]; then
  debootstrap --variant=minbase --include=git "$release" "$machine" ${MIRROR:+"$MIRROR"}
fi
machine=$(cd "$machine" && pwd)
cp --dereference /etc/resolv.conf "$machine/etc/resolv.conf"
# As Debian's installer leaves it; debootstrap alone writes none.
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost\n' >"$machine/etc/hosts"
network=()
if [[ -n ${NODE_EXTRA_CA_CERTS:-} ]]; then
  cp --dereference "$NODE_EXTRA_CA_CERTS" "$machine/srv/network-certificates.crt"
  network=(NODE_EXTRA_CA_CERTS=/srv/network-certificates.crt)
fi
rm -rf "$machine/srv/agent_exporter"
if $worktree; then
  mkdir "$machine/srv/agent_exporter"
  (cd "$source_tree" && git ls-files -z --cached --others --exclude-standard |
    tar --null --ignore-failed-read -T - -c) | tar -x -C "$machine/srv/agent_exporter"
else
  git clone -q "$source_tree" "$machine/srv/agent_exporter"
fi

# Ends what still runs on the machine: whatever has its root there.
end_processes() {
  local process
  for process in /proc/[0-9]*; do
    if [[ $(readlink "$process/root" 2>/dev/null) == "$machine" ]]; then
      kill -KILL "${process#/proc/}" 2>/dev/null || true
    fi
  done
}
trap end_processes EXIT

# inside COMMAND: a shell command in the checkout on the fresh machine. All it leaves running ends with it. The pids are
# this machine's: BPF and the proc connector know no others.
inside() {
  local status=0
  # shellcheck disable=SC2016  # expanded by the inner shell
  unshare --mount bash -euc '
    mount --rbind /proc "$1/proc"
    mount --rbind /sys "$1/sys"
    mount -t tmpfs tmpfs "$1/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=0666 devpts "$1/dev/pts"
    mount --bind "$1/dev/pts/ptmx" "$1/dev/ptmx"
    exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/srv LANG=C.UTF-8 \
      "${@:3}" chroot "$1" bash -euc "cd /srv/agent_exporter; $2"' _ "$machine" "$1" "${network[@]}" || status=$?
  end_processes
  return "$status"
}

fail() {
  echo "fresh_machine: $1" >&2
  exit 1
}

# What bash can do without curl: the machine is to hold nothing that the README does not name.
scrape="exec 3<>/dev/tcp/${address/:/\/} && printf 'GET /metrics HTTP/1.0\r\n\r\n' >&3 && cat <&3"

echo "== $release: first run of deploy/quickstart.sh"
inside 'deploy/quickstart.sh --no-start'

echo "== second run, which must install nothing, and a scrape"
inside "
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

if $tests; then
  echo "== tests/run.sh"
  inside 'tests/run.sh'
  if [[ -e $machine/usr/sbin/policy-rc.d ]]; then
    fail "the set-up left its policy-rc.d behind"
  fi
  if compgen -G "$machine/etc/systemd/system/*/prometheus*.service" >/dev/null; then
    fail "the set-up left Prometheus enabled"
  fi
fi
echo "== $release: passed"
