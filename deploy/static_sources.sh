#!/usr/bin/env bash
# Gets the sources of the libraries that Debian packages only as shared objects, for the portable program (cmake/Portable.cmake).
# apt fetches and verifies them: the source packages that belong to the binary packages of this machine.
#
#   deploy/static_sources.sh [DIRECTORY]     default: build/static_sources
#
# Nothing outside DIRECTORY changes; the machine's own list of sources needs no deb-src. Needs dpkg-dev.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${1:-build/static_sources}

mkdir -p "$target/apt/parts" "$target/apt/lists" "$target/apt/cache"
target=$(cd "$target" && pwd)
# shellcheck disable=SC2016  # apt's own variables
apt-get indextargets --format 'deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(REPO_URI) $(RELEASE) $(COMPONENT)' \
  'Created-By: Packages' 'Origin: Debian' | sort -u >"$target/apt/parts/source.list"
apt=(apt-get -q -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$target/apt/parts"
  -o "Dir::State::Lists=$target/apt/lists" -o "Dir::Cache=$target/apt/cache" -o APT::Sandbox::User=root)
"${apt[@]}" update

: >"$target/versions"
for source in civetweb prometheus-cpp; do
  rm -rf "${target:?}/$source" "$target/fetched"
  mkdir "$target/fetched"
  (cd "$target/fetched" && "${apt[@]}" source --only-source "$source")
  echo "$source $(sed -n 's/^Version: //p' "$target"/fetched/*.dsc | head -n 1)" >>"$target/versions"
  mv "$target"/fetched/*/ "$target/$source"
done
rm -rf "$target/fetched" "$target/apt"
cat "$target/versions"
