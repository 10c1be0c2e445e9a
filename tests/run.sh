#!/usr/bin/env bash
# Every test of the tree, from a machine that holds nothing but git: installs the missing packages, then the check preset
# with all tests, asan and tsan with those labelled "sanitize", and the lint.
#
#   tests/run.sh [--preset NAME] [--no-install]      --preset runs that one only, without the lint
#
# The last line counts test cases: "N passed, N failed, N skipped". Details are in build/tests.log, of building
# in build/<preset>.log.
set -euo pipefail
cd "$(dirname "$0")/.."
source deploy/step.sh

presets=(check asan tsan)
lint=true
install=true
while (($# > 0)); do
  case $1 in
    --preset) presets=("${2:?--preset needs a name}"); lint=false; shift 2 ;;
    --no-install) install=false; shift ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' tests/run.sh; exit ;;
    *) echo "run.sh: unknown option $1 (--help)" >&2; exit 2 ;;
  esac
done

STEP_LOG=$PWD/build/tests.log
mkdir -p build
: >"$STEP_LOG"
passed=0
failed=0
skipped=0

groups=(build bpf test)
if $lint; then
  groups+=(lint)
fi
if $install && [[ -n $(deploy/packages.sh missing "${groups[@]}") ]]; then
  if ((EUID != 0)) && command -v sudo >/dev/null; then
    sudo -v
  fi
  step "Installing packages" deploy/packages.sh install "${groups[@]}" || exit 1
fi

# count BUILD: adds what CTest's report and the GoogleTest reports of its binaries say to the totals. A binary counts as
# its cases; one without a report (not GoogleTest, or it crashed) as one, and so does a failure no case accounts for.
count() {
  local totals
  totals=$(awk -v reports="$1/gtest/" '
    function attribute(line, name) {
      if (!match(line, " " name "=\"[^\"]*\"")) return ""
      return substr(line, RSTART + length(name) + 3, RLENGTH - length(name) - 4)
    }
    /<testcase / {
      status = attribute($0, "status"); file = reports attribute($0, "name") ".xml"; cases = bad = left = 0
      while ((getline line < file) > 0) if (line ~ /<testsuite /) {
        cases += attribute(line, "tests"); bad += attribute(line, "failures") + attribute(line, "errors")
        left += attribute(line, "skipped") + attribute(line, "disabled")
      }
      close(file)
      if (status == "run") { cases = cases ? cases : 1 }
      else if (status == "fail") { if (!bad) { bad = 1; cases = cases ? cases : 1 } }
      else { cases = left = 1; bad = 0 }
      passed += cases - bad - left; failed += bad; skipped += left
    }
    END { print passed + 0, failed + 0, skipped + 0 }' "$1/ctest.xml")
  local -a n
  read -ra n <<<"$totals"
  passed=$((passed + n[0])) failed=$((failed + n[1])) skipped=$((skipped + n[2]))
}

# build_preset NAME: configures and builds what the tests of one preset need.
build_preset() {
  local target=all
  if [[ $1 == asan || $1 == tsan ]]; then
    target=sanitize_tests
  fi
  step "$1: configuring" cmake --preset "$1" -DAGENT_EXPORTER_BUILD_TESTS=ON &&
    step "$1: building" cmake --build "build/$1" --target "$target" -j "$(build_jobs)"
}

# Builds presets one after the other: build/NAME.out is what step says, build/NAME.built the exit status.
build_presets() {
  local preset status
  for preset in "$@"; do
    status=0
    STEP_LOG=$PWD/build/$preset.log
    : >"$STEP_LOG"
    build_preset "$preset" >"build/$preset.out" 2>&1 || status=$?
    echo "$status" >"build/$preset.built"
  done
}

# await_build NAME: shows what is said while that preset is built, and fails if it cannot be.
await_build() {
  (
    while [[ ! -e build/$1.built ]] && kill -0 "$builder" 2>/dev/null; do
      sleep 0.2
    done
  ) &
  tail -n +1 -f --pid=$! "build/$1.out"
  [[ $(cat "build/$1.built" 2>/dev/null) == 0 ]]
}

# test_preset NAME: runs the tests of a preset that is built.
test_preset() {
  local build=$PWD/build/$1 status=0
  local -a filter=() prefix=()
  if [[ $1 == asan || $1 == tsan ]]; then
    filter=(-L sanitize)
  fi
  # ThreadSanitizer of g++ 12 does not start where the kernel randomises addresses widely (vm.mmap_rnd_bits 32).
  if [[ $1 == tsan ]] && setarch --addr-no-randomize true 2>/dev/null; then
    prefix=(setarch --addr-no-randomize)
  fi
  rm -rf "$build/gtest" "$build/ctest.xml"
  echo "$1: testing"
  local start=$SECONDS
  GTEST_OUTPUT=xml:$build/gtest/ "${prefix[@]}" ctest --test-dir "$build" "${filter[@]}" -j 4 --output-on-failure \
    --no-tests=error --output-junit "$build/ctest.xml" </dev/null 2>&1 | tee -a "$STEP_LOG" |
    grep -Ev '^ +Start |^Internal ctest|^Test project|^ *$' || status=${PIPESTATUS[0]}
  echo "$1: testing: $((SECONDS - start)) s"
  if [[ -e $build/ctest.xml ]]; then
    count "$build"
  fi
  if ((status != 0 && failed == 0)); then
    failed=1
  fi
}

# While one preset is tested the next ones are built: compilers fill the time in which tests wait, and give way to them.
# A process group of its own, so that all of it ends with this script.
rm -f build/*.built
for preset in "${presets[@]}"; do
  : >"build/$preset.out"
done
set -m
(
  renice -n 19 "$BASHPID" >/dev/null
  build_presets "${presets[@]}"
) &
builder=$!
set +m
trap 'kill -- "-$builder" 2>/dev/null || true' EXIT

for preset in "${presets[@]}"; do
  if await_build "$preset"; then
    test_preset "$preset"
  else
    failed=$((failed + 1))
  fi
done
if $lint; then
  if tests/lint.sh </dev/null 2>&1 | tee -a "$STEP_LOG"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
  fi
fi

echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
