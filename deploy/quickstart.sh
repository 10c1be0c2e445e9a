#!/usr/bin/env bash
# Sets up the exporter on a bare Debian 12 or 13: installs the missing build packages (as root or with sudo), builds the
# release preset, and starts the program in the foreground. A second run installs nothing and asks for no password.
# If deploy/release.sh has made a package here, its program is started and nothing is built.
#
#   deploy/quickstart.sh [--build] [--no-start] [--] [arguments for "agent_exporter serve"]
#
#   --build      builds even if there is a package
#   --no-start   does everything but start the program
set -euo pipefail
cd "$(dirname "$0")/.."
source deploy/step.sh

start=true
use_package=true
while true; do
  case ${1:-} in
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' deploy/quickstart.sh; exit ;;
    --build) use_package=false; shift ;;
    --no-start) start=false; shift ;;
    --) shift; break ;;
    *) break ;;
  esac
done

STEP_LOG=build/quickstart.log
mkdir -p build
: >"$STEP_LOG"

advise() {
  echo "quickstart: $1" >&2
  exit 1
}

# run PROGRAM ARGUMENTS: starts it unless --no-start was given.
run() {
  if ! $start; then
    echo "$1 is ready; start it with: $1 serve"
    exit
  fi
  exec "$1" serve "${@:2}"
}

# The newest package for this machine whose program starts here.
if $use_package; then
  case $(uname -m) in x86_64) architecture=amd64 ;; aarch64) architecture=arm64 ;; *) architecture=$(uname -m) ;; esac
  package=$(find build -maxdepth 2 -path "build/release-*/agent_exporter-*-linux-$architecture.tar.gz" | sort -V | tail -n 1)
  if [[ -n $package ]]; then
    tar -C build -xzf "$package"
    program=build/$(basename "$package" .tar.gz)/bin/agent_exporter
    if "$program" --version >>"$STEP_LOG" 2>&1; then
      echo "Using $package (--build compiles instead)"
      run "$program" "$@"
    fi
    echo "The program of $package does not start here ($STEP_LOG says why), so it is built"
  fi
fi

if ! command -v dpkg-query >/dev/null; then
  advise "this is not Debian: install the packages that 'deploy/packages.sh build' lists, then run: cmake -S . -B build && cmake --build build"
fi
missing=$(deploy/packages.sh missing build)
if [[ -n $missing ]]; then
  echo "Packages to install: ${missing//$'\n'/ }"
  if ((EUID != 0)); then
    command -v sudo >/dev/null || advise "installing needs root, and sudo is missing. As root, run: deploy/packages.sh install build"
    sudo -v  # ask for the password now: the progress line would hide the prompt
  fi
  step "Installing $(wc -w <<<"$missing") packages" deploy/packages.sh install build ||
    advise "check the network and 'apt-get update', then run this again; or install the packages above by hand"
fi

step "Configuring" cmake --preset release -DAGENT_EXPORTER_BUILD_TESTS=OFF -DAGENT_EXPORTER_BUILD_BENCH=OFF ||
  advise "if a package was not found, run 'deploy/packages.sh missing build'; if another compiler made build/release, remove it"
step "Building" cmake --build build/release --target agent_exporter -j "$(build_jobs)" ||
  advise "if the compiler was 'Killed', the machine ran out of memory: run this again, it continues where it stopped"

run build/release/bin/agent_exporter "$@"
