#!/usr/bin/env bash
# Makes a release on Debian 12: the portable program as .tar.gz, .deb and .rpm, with an SBOM (SPDX) and checksums, in
# build/release-VERSION. The same commit gives the same bytes.
#
#   deploy/release.sh VERSION
#
# VERSION must be that of CMakeLists.txt. 'deploy/packages.sh install build release' installs what it takes. Without
# rpmbuild there is no .rpm. SOURCE_DATE_EPOCH, if unset, is the time of the last commit.
set -euo pipefail
cd "$(dirname "$0")/.."
source deploy/step.sh
export LC_ALL=C.UTF-8 TZ=UTC
umask 022

version=${1:-}
if [[ ! $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]]; then
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' deploy/release.sh >&2
  exit 2
fi
grep -q "^  VERSION $version\$" CMakeLists.txt || { echo "release.sh: CMakeLists.txt has another version than $version" >&2; exit 1; }
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

target=$PWD/build/release-$version
architecture=$(dpkg --print-architecture)
STEP_LOG=$PWD/build/release.log
rm -rf "$target"
mkdir -p "$target/stage"
: >"$STEP_LOG"

if [[ ! -e build/static_sources/versions ]]; then
  step "Fetching sources" deploy/static_sources.sh
fi
# No flags, linker or compiler cache that the user's environment names: a cache may change the paths that the compiler sees,
# and with them the bytes.
build=(env -u LDFLAGS -u CXXFLAGS -u CFLAGS CCACHE_DISABLE=1)
step "Configuring" "${build[@]}" cmake --preset portable -G Ninja -DCMAKE_C_COMPILER_LAUNCHER= -DCMAKE_CXX_COMPILER_LAUNCHER=
step "Building" "${build[@]}" cmake --build build/portable -j "$(build_jobs)"

# stage DIRECTORY PREFIX: the installed program, stripped, with the licences and the SBOM.
stage() {
  local documents=$1$2/share/doc/$3
  DESTDIR=$1 cmake --install build/portable --component program --strip --prefix "$2"
  if [[ $3 != agent_exporter ]]; then
    mv "$1$2/share/doc/agent_exporter" "$documents"
  fi
  /usr/bin/python3 -B deploy/release/sbom.py --version "$version" --program "$1$2/bin/agent_exporter" \
    --static-sources build/static_sources --licences "$documents/licences" >"$documents/sbom.spdx.json"
  cp LICENSES/BSD-2-Clause.txt LICENSES/GPL-2.0-only.txt "$documents/licences/"
}
# The order, owners and times of the files are fixed.
archive() {
  tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --format=gnu -C "$1" -cf - "$2" | gzip -9n
}

name=agent_exporter-$version-linux-$architecture
step "Staging" stage "$target/stage/tar" /usr/local agent_exporter
mv "$target/stage/tar/usr/local" "$target/stage/$name"
archive "$target/stage" "$name" >"$target/$name.tar.gz"
cp "$target/stage/$name/share/doc/agent_exporter/sbom.spdx.json" "$target/$name.spdx.json"

step "Staging the package" stage "$target/stage/deb" /usr agent-exporter
step "Making the .deb" deploy/release/deb.sh "$version" "$target/stage/deb" "$target"
if command -v rpmbuild >/dev/null; then
  step "Making the .rpm" deploy/release/rpm.sh "$version" "$target/stage/deb" "$target"
fi
rm -rf "$target/stage"
(cd "$target" && sha256sum -- * >SHA256SUMS && cat SHA256SUMS)
