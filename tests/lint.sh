#!/usr/bin/env bash
# Checks of the source itself: clang-format, shellcheck, clang-tidy. Needs a configured dev preset (compile commands).
#
#   tests/lint.sh [--fix] [FILE.cc ...]       --fix formats in place; with files, clang-tidy looks at those only
set -euo pipefail
cd "$(dirname "$0")/.."

fix=false
if [[ ${1:-} == --fix ]]; then
  fix=true
  shift
fi
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

mapfile -t sources < <(tracked '*.cc' '*.h')
# Versions format differently: the verdict is that of this one, which both Debian 12 and 13 have.
if $fix; then
  clang-format-19 -i "${sources[@]}"
fi
echo "clang-format: ${#sources[@]} files"
clang-format-19 --dry-run -Werror --ferror-limit=2 "${sources[@]}" || failures=$((failures + 1))

mapfile -t scripts < <(tracked '*.sh' '.ci/run')
echo "shellcheck: ${#scripts[@]} files"
shellcheck --external-sources "${scripts[@]}" || failures=$((failures + 1))

mapfile -t units < <(if (($# > 0)); then printf '%s\n' "$@"; else tracked '*.cc'; fi)
if [[ ! -e build/dev/compile_commands.json ]]; then
  echo "lint: run 'cmake --preset dev' first: clang-tidy needs build/dev/compile_commands.json" >&2
  exit 1
fi
echo "clang-tidy: ${#units[@]} files"
tidy() {
  clang-tidy-19 -p build/dev --quiet "$1" 2>&1 && echo "checked $1"
}
export -f tidy
printf '%s\n' "${units[@]}" | xargs -P "$(nproc)" -I{} bash -c 'tidy {}' |
  grep -v 'warnings generated' || failures=$((failures + 1))

((failures == 0))
