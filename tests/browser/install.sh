#!/usr/bin/env bash
# What the browser tests need from the npm registry, as package-lock.json has it; nothing when it is there already.
set -euo pipefail
cd "$(dirname "$0")"
if [[ -e node_modules/.package-lock.json && ! package-lock.json -nt node_modules/.package-lock.json ]]; then
  exit 0
fi
npm ci --ignore-scripts --no-audit --no-fund
