#!/usr/bin/env bash
# Checks of the source itself: clang-format, includes, shellcheck, and clang-tidy if asked for (needs a configured
# dev preset, for its compile commands).
#
#   tests/lint.sh [--fix] [--tidy] [--all] [FILE.cc ...]
#
#   --fix    formats in place
#   --tidy   clang-tidy on the program's sources: five to ten minutes, so not part of the test command
#   --all    clang-tidy on the tests too, and with the static analyzer: half an hour instead of five minutes
#   FILE...  clang-tidy looks at these only
set -euo pipefail
cd "$(dirname "$0")/.."

fix=false
all=false
tidy_too=false
while [[ ${1:-} == -* ]]; do
  case $1 in
    --fix) fix=true ;;
    --all) all=true; tidy_too=true ;;
    --tidy) tidy_too=true ;;
    *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' tests/lint.sh; exit 2 ;;
  esac
  shift
done
failures=0

# tracked PATTERN...: the tree's files, in a checkout or in an unpacked archive alike.
tracked() {
  if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do
      [[ ! -e $file ]] || echo "$file"
    done
  else
    local -a names=()
    local pattern
    for pattern in "$@"; do names+=(-o -path "*${pattern#\*}"); done
    find . -path ./build -prune -o -type f \( "${names[@]:1}" \) -printf '%P\n'
  fi | sort -u
}

mapfile -t sources < <(tracked '*.cc' '*.h' | grep -v '\.skel\.h$')
# Versions format differently: the verdict is that of this one, which both Debian 12 and 13 have.
if $fix; then
  clang-format-19 -i "${sources[@]}"
fi
echo "clang-format: ${#sources[@]} files"
clang-format-19 --dry-run -Werror --ferror-limit=2 "${sources[@]}" || failures=$((failures + 1))

/usr/bin/python3 -B tests/includes.py || failures=$((failures + 1))

mapfile -t scripts < <(tracked '*.sh' '.ci/run')
echo "shellcheck: ${#scripts[@]} files"
shellcheck --external-sources "${scripts[@]}" || failures=$((failures + 1))

# A test's GoogleTest macros cost clang-tidy half a minute a file.
mapfile -t units < <(
  if (($# > 0)); then
    printf '%s\n' "$@"
  elif $all; then
    tracked '*.cc'
  else
    tracked '*.cc' | grep -Ev '^(tests|bench|fuzz)/'
  fi
)
export EXTRA_CHECKS=
if $all; then
  # EnumCastOutOfRange: fires inside abseil's hash tables.
  EXTRA_CHECKS='clang-analyzer-*,-clang-analyzer-optin.core.EnumCastOutOfRange'
fi
if ! $tidy_too && (($# == 0)); then
  ((failures == 0))
  exit
fi
if [[ ! -e build/dev/compile_commands.json ]]; then
  echo "lint: run 'cmake --preset dev' first: clang-tidy needs build/dev/compile_commands.json" >&2
  exit 1
fi
# Without its compile command a file cannot be judged: a build with BPF leaves out what stands in for it.
mapfile -t known < <(printf '%s\n' "${units[@]}" | while read -r file; do
  if grep -qF "\"$PWD/$file\"" build/dev/compile_commands.json; then echo "$file"; else echo "not built here: $file" >&2; fi
done)
units=("${known[@]}")
echo "clang-tidy: ${#units[@]} files"
tidy() {
  clang-tidy-19 -p build/dev --quiet --checks="$EXTRA_CHECKS" "$1" 2>&1 && echo "checked $1"
}
export -f tidy
printf '%s\n' "${units[@]}" | xargs -P "$(nproc)" -I{} bash -c 'tidy {}' |
  grep -v 'warnings generated' || failures=$((failures + 1))

((failures == 0))
