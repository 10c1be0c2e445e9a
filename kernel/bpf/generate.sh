#!/usr/bin/env bash
# Compiles the BPF programs and writes each as a C header, PROGRAM.skel.h beside PROGRAM.bpf.c: the object's bytes and the
# functions to load it. The headers are checked in, so a build needs neither clang nor bpftool. Run this after every
# change to a *.bpf.c or to a header that they include; bpf_objects_test fails until you do.
#
#   kernel/bpf/generate.sh [DIRECTORY]     DIRECTORY: writes there instead
#   CLANG, BPFTOOL                         environment: other programs than clang and bpftool
#
# 'deploy/packages.sh install build bpf' installs what it takes. Debian 12's clang made the headers checked in.
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH=$PATH:/usr/sbin
clang=${CLANG:-clang}
bpftool=${BPFTOOL:-bpftool}

objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
version=$("$clang" --version | head -n 1)
for source in kernel/bpf/*.bpf.c bench/bpf/*.bpf.c; do
  name=$(basename "$source" .bpf.c)
  # The prefix map keeps this machine's paths out of the line information.
  "$clang" -O2 -g -ffile-prefix-map="$PWD"=. -target bpf -Wall -Werror -c "$source" -o "$objects/$name.o"
  # Linking it alone drops what the kernel does not read: DWARF.
  "$bpftool" gen object "$objects/$name.linked.o" "$objects/$name.o"
  {
    echo "// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause"
    echo "// Made by kernel/bpf/generate.sh from $source. Do not edit."
    echo "// compiler: $version"
    echo "// sources: $(cat "$source" kernel/bpf/kernel_types.h kernel/bpf/records.h | sha256sum | cut -d ' ' -f 1)"
    "$bpftool" gen skeleton "$objects/$name.linked.o" name "${name}_bpf"
  } >"$objects/$name.skel.h"
  mv "$objects/$name.skel.h" "${1:-$(dirname "$source")}/$name.skel.h"
done
