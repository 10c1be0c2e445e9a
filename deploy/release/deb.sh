#!/usr/bin/env bash
# Makes the .deb of a staged tree. deploy/release.sh runs it.
#
#   deploy/release/deb.sh VERSION STAGE TARGET
set -euo pipefail
cd "$(dirname "$0")/../.."
version=$1 stage=$2 target=$3
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
cp -a "$stage/." "$root/"
documents=$root/usr/share/doc/agent-exporter

mkdir -p "$root/DEBIAN" "$root/etc/default" "$root/usr/share/lintian/overrides"
install -m 644 deploy/debian/default "$root/etc/default/agent_exporter"
install -m 644 deploy/debian/lintian-overrides "$root/usr/share/lintian/overrides/agent-exporter"
install -m 644 deploy/debian/copyright "$documents/copyright"
rm "$documents/LICENSE"  # copyright refers to Debian's own copy
rm "$documents/licences/GPL-2.0-only.txt"
cat >"$documents/changelog" <<CHANGES
agent-exporter ($version) stable; urgency=medium

  * See CHANGELOG.md.

 -- agent_exporter maintainers <agent-exporter@example.org>  $(date -R -d "@$SOURCE_DATE_EPOCH")
CHANGES
gzip -9n "$documents/changelog" "$documents/CHANGELOG.md" "$root/usr/share/man/man1/agent_exporter.1"

# dpkg-shlibdeps wants a source tree around it.
libraries=$(
  cd "$(mktemp -d)" && mkdir debian && touch debian/control &&
    dpkg-shlibdeps -O -e"$root/usr/bin/agent_exporter" | sed -n 's/^shlibs:Depends=//p'
)
cat >"$root/DEBIAN/control" <<CONTROL
Package: agent-exporter
Version: $version
Architecture: $(dpkg --print-architecture)
Maintainer: agent_exporter maintainers <agent-exporter@example.org>
Installed-Size: $(du -sk --apparent-size --exclude=DEBIAN "$root" | cut -f 1)
Depends: $libraries, init-system-helpers (>= 1.54), systemd-standalone-sysusers | systemd
Section: net
Priority: optional
Description: Prometheus exporter that watches long-running agents
 Watches long-running agents (coding agents, CI runners, job workers, your own)
 and everything they start, from outside: memory, CPU, open files, threads,
 orphans, and how near each one is to the limit it will reach first. The agents
 are neither changed nor restarted.
CONTROL
echo /etc/default/agent_exporter >"$root/DEBIAN/conffiles"
for script in postinst prerm postrm; do
  install -m 755 "deploy/debian/$script" "$root/DEBIAN/$script"
done
(cd "$root" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
chmod 644 "$root/DEBIAN/control" "$root/DEBIAN/conffiles" "$root/DEBIAN/md5sums"
find "$root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group -Zxz --build "$root" "$target"
