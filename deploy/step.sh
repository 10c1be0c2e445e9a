# Sourced by the set-up scripts: runs a long command with its output in a log and its progress on one line.
# shellcheck shell=bash

# step TITLE COMMAND...: the command's status. Its output is added to $STEP_LOG; when it fails, the log's end is shown.
step() {
  local title=$1 status=0 first_line
  shift
  first_line=$(($(wc -l 2>/dev/null <"$STEP_LOG" || echo 0) + 1))
  "$@" 2>&1 </dev/null | tee -a "$STEP_LOG" | step_show "$title" || status=${PIPESTATUS[0]}
  if ((status != 0)); then
    echo "$title: failed (exit $status). The end of $STEP_LOG:" >&2
    # Errors of parallel jobs stand above what was still running, hence so many lines.
    tail -n "+$first_line" "$STEP_LOG" | tail -n 40 | sed 's/^/  | /' >&2
  fi
  return "$status"
}

# A terminal gets one line that changes; a log file a line every 20 s at most.
step_show() {
  local title=$1 line start=$SECONDS shown=$SECONDS
  if [[ ! -t 1 ]]; then
    echo "$title ..."
  fi
  while IFS= read -r line; do
    if [[ -t 1 ]]; then
      printf '\r\033[K%.*s' "$((${COLUMNS:-80} - 1))" "$title: ${line//[^[:print:]]/ }"
    elif ((SECONDS - shown >= 20)); then
      shown=$SECONDS
      printf '  %.100s\n' "$line"
    fi
  done
  if [[ -t 1 ]]; then
    printf '\r\033[K'
  fi
  echo "$title: $((SECONDS - start)) s"
}

# build_jobs: one job a core, but at most one per 1.5 GiB of memory: the largest sources need about that.
build_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable:/ { n = int($2 / 1572864); print n < 1 ? 1 : n }' /proc/meminfo)
  echo $((cores < memory ? cores : memory))
}
