# Functions for the set-up scripts: run a long command, write its output to a log and show progress on one line.
# shellcheck shell=bash

# step TITLE COMMAND...: runs the command, appends its output to $STEP_LOG and returns its status. If it fails, prints the
# end of the log.
step() {
  local title=$1 status=0 first_line
  shift
  first_line=$(($(wc -l 2>/dev/null <"$STEP_LOG" || echo 0) + 1))
  "$@" 2>&1 </dev/null | tee -a "$STEP_LOG" | step_show "$title" || status=${PIPESTATUS[0]}
  if ((status != 0)); then
    echo "$title: failed (exit $status). The end of $STEP_LOG:" >&2
    # In a parallel build the error is above the output of jobs that were still running, so print many lines.
    tail -n "+$first_line" "$STEP_LOG" | tail -n 40 | sed 's/^/  | /' >&2
  fi
  return "$status"
}

# Updates one line on a terminal; in a log file, prints a line at most every 20 s.
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

# build_jobs: one job per core, but at most one per 1.5 GiB of memory, which the largest sources need.
build_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable:/ { n = int($2 / 1572864); print n < 1 ? 1 : n }' /proc/meminfo)
  echo $((cores < memory ? cores : memory))
}
