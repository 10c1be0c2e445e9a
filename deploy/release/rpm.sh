#!/usr/bin/env bash
# Makes the .rpm of a staged tree. deploy/release.sh runs it.
#
#   deploy/release/rpm.sh VERSION STAGE TARGET
set -euo pipefail
cd "$(dirname "$0")/../.."
version=$1 stage=$2 target=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
find "$stage" -newermt "@$SOURCE_DATE_EPOCH" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
rpmbuild --quiet -bb deploy/release/agent_exporter.spec --define "_topdir $work" --define "_rpmdir $target" \
  --define "program_version $version" --define "stage $stage" --define "defaults $PWD/deploy/debian/default" \
  --define "_rpmfilename %{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm" --define "_buildhost release" \
  --define "use_source_date_epoch_as_buildtime 1" --define "clamp_mtime_to_source_date_epoch 1"
