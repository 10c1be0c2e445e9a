#!/usr/bin/env bash
# The Debian packages that agent_exporter needs, by purpose, and their installation.
#
#   deploy/packages.sh build [bpf test lint bench kernels]    prints the names, one a line
#   deploy/packages.sh missing build [test ...]       prints those not installed yet
#   deploy/packages.sh install build [test ...]       installs those; asks for nothing if there are none
#   deploy/packages.sh runtime FILE...                prints the packages that hold the libraries FILE links
#
# The names are the same on Debian 12 and 13. Services that come along (Prometheus, for the tests) are neither started
# nor left enabled.
set -euo pipefail

names() {
  case $1 in
    build)
      printf '%s\n' cmake g++ git libabsl-dev libcivetweb-dev libcli11-dev libcrypt-dev libcurl4-openssl-dev \
        libjs-chart.js libre2-dev libspdlog-dev libsqlite3-dev libssl-dev libyaml-cpp-dev make nlohmann-json3-dev \
        prometheus-cpp-dev zlib1g-dev ;;
    bpf)
      # Optional: without them the build leaves the BPF process source out.
      printf '%s\n' bpftool clang libbpf-dev pkgconf ;;
    test)
      # ninja-build: the presets. mold: optional, links the test programs faster. chromium, nodejs, npm: the page's tests.
      printf '%s\n' chromium curl libbenchmark-dev libgmock-dev libgtest-dev mold ninja-build nodejs npm openssl procps \
        prometheus prometheus-alertmanager python3-numpy python3-prometheus-client python3-yaml screen strace tmux ;;
    lint)
      # One version on both releases, so that both give the same verdict.
      printf '%s\n' clang-format-19 clang-tidy-19 shellcheck ;;
    bench)
      printf '%s\n' libbenchmark-dev prometheus-node-exporter prometheus-process-exporter ;;
    kernels)
      # tests/kernels/run.sh only.
      printf '%s\n' busybox-static cpio qemu-system-x86 ;;
    *)
      echo "packages.sh: no such group: $1 (build, bpf, test, lint, bench, kernels)" >&2
      exit 2 ;;
  esac
}

is_installed() {
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]] && return
  # A nodejs that is not Debian's may bring npm along and conflict with Debian's package of that name.
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

# Runs a command as root.
as_root() {
  if ((EUID == 0)); then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "packages.sh: needs root, and there is no sudo. As root, run: $0 ${ARGUMENTS[*]}" >&2
    exit 1
  fi
}

# While this file is there, packages' scripts start no service (policy-rc.d is Debian's own switch for that).
# An administrator's own policy is left as it is.
POLICY=/usr/sbin/policy-rc.d
forbid_service_starts() {
  [[ -e $POLICY ]] && return
  trap 'as_root rm -f "$POLICY"' EXIT
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$POLICY" >/dev/null
  as_root chmod 755 "$POLICY"
}

# Package scripts also enable their services for the next boot: undo that for those that just came. The helper wants to
# be told which package it acts for.
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
    echo "packages.sh: no apt-get here; install by hand what these Debian packages hold: ${packages[*]}" >&2
    exit 1
  fi
  if [[ " $* " == *" test "* || " $* " == *" bench "* ]]; then
    forbid_service_starts
  fi
  # A third-party source that is down must not stop us: the install below says if a package is not to be had.
  as_root apt-get update -q || true
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
    -o DPkg::Lock::Timeout=300 "${packages[@]}"
  disable_services_of "${packages[@]}"
}

# ldd may name a library by a path through the /lib -> usr/lib link, while dpkg knows it by either.
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
