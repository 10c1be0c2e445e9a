#!/usr/bin/env bash
# Tries the programs on other kernels: Debian's kernel packages, each booted in a virtual machine that holds nothing but
# our programs, their libraries, Python and busybox. Software emulation, so it takes minutes a kernel and the test command
# leaves it out. Prints a Markdown table; exit status 1: something failed.
#
#   tests/kernels/run.sh [--build DIR] [--only PROGRAM]... SUITE...
#
#   SUITE        whose linux-image-amd64 is booted: bullseye bookworm trixie bookworm-backports sid ...; or a file, a
#                kernel image
#   --build      where the programs are (build/dev); their targets: see `programs` below
#   --only       one of these only; repeatable
#   MIRROR       environment: the Debian mirror, else that of this machine's apt
#   KERNELS      environment: a directory that keeps kernels and logs (build/kernels)
#
# Packages: deploy/packages.sh install kernels. The mirror's signatures are checked by apt.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=tests/kernels

programs=(bpf_test netlink_events_test kernel_test privileges_test live_tree_test doctor events_test)
build=build/dev only=()
while [[ ${1:-} == --* ]]; do
  case $1 in
    --build) build=${2:?}; shift 2 ;;
    --only) only+=("${2:?}"); shift 2 ;;
    *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit 2 ;;
  esac
done
(($#)) || { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit 2; }
((${#only[@]})) && programs=("${only[@]}")
work=${KERNELS:-build/kernels}
mkdir -p "$work"
work=$(cd "$work" && pwd)
build=$(cd "$build" && pwd)

fail() {
  echo "kernels: $1" >&2
  exit 1
}

# The mirror of this machine's apt: the first URI that Release files of Debian's archive come from.
# shellcheck disable=SC2016  # apt's own expression
mirror=${MIRROR:-$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | head -n 1)}
[[ -n $mirror ]] || fail "no Debian mirror known: set MIRROR"

# apt_of SUITE COMMAND...: apt with lists of its own, so that this machine's stay as they are.
apt_of() {
  local state=$work/apt/$1
  mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$state/parts"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $1 main" >"$state/sources.list"
  : >"$state/status"
  shift
  "${@:1:1}" -qq -o Dir::Etc::SourceList="$state/sources.list" -o Dir::Etc::SourceParts="$state/parts" \
    -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts="$state/parts" \
    -o Dir::State="$state" -o Dir::State::Lists="$state/lists" -o Dir::State::status="$state/status" \
    -o Dir::Cache="$state/cache" -o APT::Architecture=amd64 -o APT::Architectures=amd64 -o APT::Sandbox::User=root \
    -o Acquire::Languages=none "${@:2}"
}

# Prints the path of SUITE's newest kernel image.
kernel_of() {
  local suite=$1 package binary image
  if [[ -f $suite ]]; then
    echo "$suite"
    return
  fi
  apt_of "$suite" apt-get update >&2
  package=$(apt_of "$suite" apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: \(linux-image-[^ ]*\)$/\1/p' | head -n 1)
  [[ -n $package ]] || fail "$suite has no linux-image-amd64"
  image=$work/$package.vmlinuz
  if [[ ! -e $image ]]; then
    # Since Linux 7 linux-image-* only names packages; the image itself is in linux-binary-*.
    binary=$(apt_of "$suite" apt-cache depends "$package" | sed -n 's/^ *Depends: \(linux-binary-[^ ]*\)$/\1/p' | head -n 1)
    (cd "$work" && apt_of "$suite" apt-get download "${binary:-$package}" >&2)
    dpkg-deb --fsys-tarfile "$work/${binary:-$package}"_*.deb |
      tar -xO --wildcards "./*/vmlinuz*" >"$image.new" || fail "no kernel in ${binary:-$package}"
    mv "$image.new" "$image"
    rm "$work/${binary:-$package}"_*.deb
  fi
  echo "$image"
}

# copy_with_libraries ROOT FILE...: each below ROOT under its own path, and what it is linked with.
copy_with_libraries() {
  local root=$1 file library
  shift
  for file; do
    mkdir -p "$root$(dirname "$file")"
    cp --dereference "$file" "$root$file"
    for library in $(ldd "$file" 2>/dev/null | grep -o '/[^ ]*'); do
      [[ -e $root$library ]] && continue
      mkdir -p "$root$(dirname "$library")"
      cp --dereference "$library" "$root$library"
    done
  done
}

# Everything the guest sees, as one archive in memory.
make_initramfs() {
  local root=$work/root program
  rm -rf "$root"
  mkdir -p "$root"/{bin,dev,etc,proc,root,run,sys,tmp,tests}
  chmod 1777 "$root/tmp"
  cp "$(command -v busybox)" "$root/bin/busybox"
  for program in $("$root/bin/busybox" --list | grep -vx busybox); do ln -s busybox "$root/bin/$program"; done
  printf 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' >"$root/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
  printf '127.0.0.1 localhost\n' >"$root/etc/hosts"
  for program in agent_exporter tree_root "${programs[@]}"; do
    [[ -e $build/bin/$program ]] || continue
    copy_with_libraries "$root" "$build/bin/$program"
    ln -s "$build/bin/$program" "$root/tests/$program"
  done
  # Debian's Python for the end-to-end tests: what they import, not its whole library.
  local python
  python=$(readlink -f /usr/bin/python3)
  copy_with_libraries "$root" "$python" /usr/bin/setpriv
  ln -s "${python##*/}" "$root/usr/bin/python3"
  local library=/usr/lib/${python##*/}
  mkdir -p "$root/usr/lib/python3/dist-packages"
  (cd / && find ".$library" \( -name test -o -name __pycache__ -o -name 'config-*' -o -name idlelib -o -name lib2to3 \
    -o -name ensurepip -o -name pydoc_data \) -prune -o -type f -print0 | cpio -0 -pdm --quiet "$root")
  cp -r /usr/lib/python3/dist-packages/{prometheus_client,decorator.py} "$root/usr/lib/python3/dist-packages/"
  local extension
  for extension in "$root$library"/lib-dynload/*.so; do copy_with_libraries "$root" "${extension#"$root"}"; done
  cp tests/e2e/{harness,events_test}.py "$root/tests/"
  printf '%s\n' "${programs[@]}" >"$root/tests/wanted"
  install -m 755 "$here/init" "$root/init"
  (cd "$root" && find . -print0 | cpio -0 -o -H newc --quiet) >"$work/initramfs"
}

for program in "${programs[@]}"; do
  [[ $program == doctor || $program == events_test || -e $build/bin/$program ]] ||
    fail "$build/bin/$program is not built: cmake --build $build --target $program"
done
make_initramfs

# boot KERNEL LOG: the guest writes to its console, and "RESULT <program> <status> <seconds>" after each program.
boot() {
  timeout "${BOOT_SECONDS:-3600}" qemu-system-x86_64 -nodefaults -no-reboot -display none -serial file:"$2" -m 2048 -smp 2 \
    -machine accel=tcg -cpu max -kernel "$1" -initrd "$work/initramfs" \
    -append 'console=ttyS0 quiet loglevel=3 panic=-1 no_timer_check random.trust_cpu=on rdinit=/init' </dev/null &
  wait $!
}
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT

status=0
header='| kernel |' line='|---|'
for program in "${programs[@]}"; do header+=" $program |" line+='---|'; done
table=("$header" "$line")
for suite; do
  image=$(kernel_of "$suite")
  log=$work/${suite##*/}.log
  echo "== $suite: $image, log $log" >&2
  boot "$image" "$log" || true
  sed -i 's/\r//g' "$log"
  row="| $suite: $(sed -n 's/^KERNEL //p' "$log" | head -n 1) |"
  for program in "${programs[@]}"; do
    result=$(sed -n "s/^RESULT $program //p" "$log" | tail -n 1)
    row+=" ${result:-never ended} |"
    [[ $result == ok* ]] || status=1
  done
  table+=("$row")
  echo "$row" >&2
done
printf '%s\n' "${table[@]}"
exit "$status"
