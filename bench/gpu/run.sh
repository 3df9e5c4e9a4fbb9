#!/bin/sh
# run.sh: unpacks what pack.js made and runs the check, on a machine with a card and no network. It needs sh, tar and xz (or Python
# with lzma), and nothing else. Usage: sh run.sh [--out DIR] [--only STEP,…] [--small]; $OUT is the default of --out.
set -u
here=$(cd "$(dirname "$0")" && pwd)
home=$(mktemp -d "${TMPDIR:-/tmp}/finch-gpu-XXXXXX") || exit 3
trap 'rm -rf "$home"' EXIT

set_parts=$(ls "$here"/finch-gpu.part-* 2>/dev/null)
if [ -z "$set_parts" ]; then
  echo "error: no finch-gpu.part-* beside $0. Make them with: node bench/gpu/pack.js" >&2
  exit 3
fi
unpack() {
  if command -v xz >/dev/null 2>&1; then xz -dc
  else python3 -c 'import lzma,shutil,sys; shutil.copyfileobj(lzma.open(sys.stdin.buffer), sys.stdout.buffer)'; fi
}
if ! cat "$here"/finch-gpu.part-* | unpack | tar -xf - -C "$home"; then
  echo "error: the parts do not unpack; one is missing or broken, or there is neither xz nor python3" >&2
  exit 3
fi

# The loader that the machine has comes first; ours is only for machines without one.
found=$( (ldconfig -p 2>/dev/null || /sbin/ldconfig -p 2>/dev/null) | grep -c 'libvulkan\.so\.1')
if [ "${found:-0}" = 0 ] && [ -e "$home/lib/libvulkan.so.1" ]; then
  LD_LIBRARY_PATH="$home/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
  export LD_LIBRARY_PATH
fi
HOME=${HOME:-$home}
export HOME
"$home/node" "$home/finch/dist/bench/gpu/main.js" "$@"
