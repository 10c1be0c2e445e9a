#!/usr/bin/env bash
# Sets up the exporter on a bare Debian 12 or 13: installs the missing build packages (as root or with sudo), builds the
# release preset, and starts the program in the foreground. A second run installs nothing and asks for no password.
#
#   deploy/quickstart.sh [--no-start] [--] [arguments for "agent_exporter serve"]
set -euo pipefail
cd "$(dirname "$0")/.."
source deploy/step.sh

start=true
case ${1:-} in
  -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' deploy/quickstart.sh; exit ;;
  --no-start) start=false; shift ;;
esac
if [[ ${1:-} == -- ]]; then
  shift
fi

STEP_LOG=build/quickstart.log
mkdir -p build
: >"$STEP_LOG"

advise() {
  echo "quickstart: $1" >&2
  exit 1
}

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

program=build/release/bin/agent_exporter
if ! $start; then
  echo "Built $program; start it with: $program serve"
  exit
fi
exec "$program" serve "$@"
