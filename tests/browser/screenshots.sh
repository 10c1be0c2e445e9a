#!/usr/bin/env bash
# Takes the pictures of docs/images anew, with the program of the dev preset (or $AGENT_EXPORTER).
#
#   tests/browser/screenshots.sh [DIRECTORY]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export AGENT_EXPORTER=${AGENT_EXPORTER:-$here/../../build/dev/bin/agent_exporter}
"$here/install.sh"
node "$here/screenshots.mjs" "${1:-$here/../../docs/images}"
