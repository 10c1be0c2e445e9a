#!/usr/bin/env bash
# Lists and installs the Debian packages that agent_exporter needs, by purpose.
#
#   deploy/packages.sh build [bpf test lint bench kernels release]    prints the names, one a line
#   deploy/packages.sh missing build [test ...]       prints those not installed yet
#   deploy/packages.sh install build [test ...]       installs those; asks for nothing if there are none
#   deploy/packages.sh runtime FILE...                prints the packages that hold the libraries FILE links
#
# The names are the same on Debian 12 and 13. Services that the packages bring along (Prometheus, for the tests) are
# neither started nor left enabled.
set -euo pipefail

names() {
  case $1 in
    build)
      printf '%s\n' cmake g++ git libabsl-dev libbpf-dev libcivetweb-dev libcli11-dev libcrypt-dev libelf-dev \
        libjs-chart.js libre2-dev libspdlog-dev libsqlite3-dev libssl-dev libyaml-cpp-dev make nlohmann-json3-dev \
        prometheus-cpp-dev zlib1g-dev ;;
    bpf)
      # Only for kernel/bpf/generate.sh, which compiles the BPF programs.
      printf '%s\n' bpftool clang ;;
    test)
      # The presets use ninja. mold is optional and links the test programs faster. chromium, nodejs and npm are for the
      # page's tests.
      printf '%s\n' chromium curl libbenchmark-dev libgmock-dev libgtest-dev mold ninja-build nodejs npm openssl procps \
        prometheus prometheus-alertmanager prometheus-process-exporter python3-numpy python3-prometheus-client python3-yaml \
        screen strace tmux ;;
    lint)
      # The same version on both releases, so that both report the same problems.
      printf '%s\n' clang-format-19 clang-tidy-19 shellcheck ;;
    bench)
      printf '%s\n' libbenchmark-dev prometheus-node-exporter prometheus-process-exporter ;;
    release)
      # Only for deploy/release.sh.
      printf '%s\n' dpkg-dev gcc lintian ninja-build rpm ;;
    kernels)
      # Only for tests/kernels/run.sh.
      printf '%s\n' busybox-static cpio qemu-system-x86 ;;
    *)
      echo "packages.sh: no such group: $1 (build, bpf, test, lint, bench, kernels, release)" >&2
      exit 2 ;;
  esac
}

is_installed() {
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]] && return
  # A nodejs from elsewhere may include npm and conflict with Debian's npm package.
  [[ $1 == npm ]] && command -v npm >/dev/null
}

missing() {
  local group name
  for group in "$@"; do
    for name in $(names "$group"); do
      is_installed "$name" || echo "$name"
    done
  done | sort -u
}

as_root() {
  if ((EUID == 0)); then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "packages.sh: needs root, and sudo is missing. As root, run: $0 ${ARGUMENTS[*]}" >&2
    exit 1
  fi
}

# Package scripts start no services while this file exists (policy-rc.d is Debian's switch for that). An existing policy
# stays unchanged.
POLICY=/usr/sbin/policy-rc.d
forbid_service_starts() {
  [[ -e $POLICY ]] && return
  trap 'as_root rm -f "$POLICY"' EXIT
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$POLICY" >/dev/null
  as_root chmod 755 "$POLICY"
}

# Package scripts also enable their services for the next boot. Disables those of the packages just installed. The helper
# needs the name of the package.
disable_services_of() {
  local package unit
  for package in "$@"; do
    for unit in $(dpkg -L "$package" | sed -nE 's,^(/usr)?/lib/systemd/system/([^/@]+\.(service|timer|socket))$,\2,p'); do
      as_root env DPKG_MAINTSCRIPT_PACKAGE="$package" deb-systemd-helper disable "$unit" >/dev/null 2>&1 || true
      as_root update-rc.d "${unit%.*}" disable >/dev/null 2>&1 || true
    done
  done
}

install() {
  local packages
  mapfile -t packages < <(missing "$@")
  if ((${#packages[@]} == 0)); then
    return
  fi
  if ! command -v apt-get >/dev/null; then
    echo "packages.sh: apt-get is missing; install the contents of these Debian packages by hand: ${packages[*]}" >&2
    exit 1
  fi
  if [[ " $* " == *" test "* || " $* " == *" bench "* ]]; then
    forbid_service_starts
  fi
  # Ignore errors: a third-party source may be down. If a package is not available, the install below fails.
  as_root apt-get update -q || true
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
    -o DPkg::Lock::Timeout=300 "${packages[@]}"
  disable_services_of "${packages[@]}"
}

# ldd may print a path through the /lib -> usr/lib link, and dpkg may know the library by either path.
runtime() {
  local library real
  ldd "$@" | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | sort -u | while read -r library; do
    real=$(readlink -f "$library")
    { dpkg-query -S "$real" || dpkg-query -S "${real#/usr}"; } 2>/dev/null | cut -d: -f1
  done | sort -u
}

ARGUMENTS=("$@")
case ${1:-} in
  install) shift; install "$@" ;;
  missing) shift; missing "$@" ;;
  runtime) shift; runtime "$@" ;;
  '' | -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" ;;
  *) for group in "$@"; do names "$group"; done | sort -u ;;
esac
