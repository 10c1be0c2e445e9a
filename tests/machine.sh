# Functions for tests on a machine that holds nothing but a minimal Debian: a folder made by debootstrap, entered in a mount
# namespace of its own. Needs root and debootstrap.
#   MIRROR               environment: the Debian mirror, else debootstrap's own
#   NODE_EXTRA_CA_CERTS  environment: certificates that npm needs in this network, taken along
# shellcheck shell=bash

# make_machine RELEASE DIRECTORY: makes it unless it is there, and names it in $machine.
make_machine() {
  if [[ ! -e $2/etc/debian_version ]]; then
    debootstrap --variant=minbase --include=git "$1" "$2" ${MIRROR:+"$MIRROR"}
  fi
  machine=$(cd "$2" && pwd)
  cp --dereference /etc/resolv.conf "$machine/etc/resolv.conf"
  # As Debian's installer leaves it; debootstrap alone writes none.
  printf '127.0.0.1 localhost\n::1 localhost ip6-localhost\n' >"$machine/etc/hosts"
  machine_environment=()
  if [[ -n ${NODE_EXTRA_CA_CERTS:-} ]]; then
    cp --dereference "$NODE_EXTRA_CA_CERTS" "$machine/srv/network-certificates.crt"
    machine_environment=(NODE_EXTRA_CA_CERTS=/srv/network-certificates.crt)
  fi
  trap end_processes EXIT
}

# Ends what still runs on the machine: whatever has its root there.
end_processes() {
  local process
  for process in /proc/[0-9]*; do
    if [[ $(readlink "$process/root" 2>/dev/null) == "$machine" ]]; then
      kill -KILL "${process#/proc/}" 2>/dev/null || true
    fi
  done
}

# inside COMMAND: a shell command in /srv of the machine. All it leaves running ends with it. The pids are this machine's:
# BPF and the proc connector know no others.
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
      "${@:3}" chroot "$1" bash -euc "cd /srv; $2"' _ "$machine" "$1" "${machine_environment[@]}" || status=$?
  end_processes
  return "$status"
}

# scrape_command HOST:PORT PATH: what bash can do without curl, for `inside`.
scrape_command() {
  printf '%s' "exec 3<>/dev/tcp/${1/:/\/} && printf 'GET $2 HTTP/1.0\r\n\r\n' >&3 && cat <&3"
}
